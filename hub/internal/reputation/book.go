// Package reputation is what a hub has learned of every device of every
// volunteer, over its whole life, and what follows for the next shard: the risk
// that its result is wrong, whether its word is enough, what would be lost for a
// lie, and whose word counts for nothing any more.
//
// It is the memory for which package trust has the mathematics. It refuses to know
// shards, rounds and leases, who is related to whom, and where records and the
// ledger are kept: it is told of settled results and of whoever was proved wrong,
// and returns the records to store.
package reputation

import (
	"time"

	"github.com/shoal-compute/shoal/hub/internal/ledger"
	"github.com/shoal-compute/shoal/hub/internal/trust"
	"github.com/shoal-compute/shoal/hub/internal/volunteer"
)

// Device is one class of device of one volunteer: those of a class fail alike,
// and nothing tells two of them apart.
type Device struct {
	Volunteer volunteer.ID
	Class     string
}

// Record is what is kept of a device.
type Record struct {
	Volunteer volunteer.ID
	Class     string
	Record    trust.Record
	Results   int64 // delivered and settled
	Verified  int64 // of those, found right by somebody else
	Caught    bool  // proved wrong
}

// Book is what is known of all. It is not safe for concurrent use.
type Book struct {
	known      map[Device]*Record
	caught     map[volunteer.ID][]string // the classes with which somebody was proved wrong
	closed     map[string]bool           // classes whose driver is to blame
	population *trust.Population
	curves     map[string]trust.Curve // by class, as last learned
	news       int                    // pieces of evidence since then
	stakes     map[volunteer.ID]ledger.Amount
	slashed    map[Device]ledger.Amount
}

// New returns a book of what was stored before.
func New(records []Record, stakes map[volunteer.ID]ledger.Amount) *Book {
	b := &Book{
		known:      map[Device]*Record{},
		caught:     map[volunteer.ID][]string{},
		closed:     map[string]bool{},
		population: trust.NewPopulation(),
		curves:     map[string]trust.Curve{},
		stakes:     map[volunteer.ID]ledger.Amount{},
		slashed:    map[Device]ledger.Amount{},
	}
	for v, stake := range stakes {
		b.stakes[v] = stake
	}
	for _, r := range records {
		b.add(&r)
		b.population.Verify(r.Class, 0, r.Verified)
		if r.Caught {
			b.caught[r.Volunteer] = append(b.caught[r.Volunteer], r.Class)
			b.population.Catch(r.Class, r.Verified)
		}
	}
	b.learn()
	for _, r := range records {
		b.judge(r.Class)
	}
	return b
}

func (b *Book) add(r *Record) {
	b.known[Device{r.Volunteer, r.Class}] = r
	b.population.Join(r.Class)
}

func (b *Book) get(d Device) *Record {
	r := b.known[d]
	if r == nil {
		r = &Record{Volunteer: d.Volunteer, Class: d.Class}
		b.add(r)
	}
	return r
}

// Len is how many devices have a record. A stranger has none before a result of
// its own is settled.
func (b *Book) Len() int { return len(b.known) }

// Evidence is what speaks for a device now: it fades while a device is away.
func (b *Book) Evidence(d Device, now time.Time) trust.Record {
	if r := b.known[d]; r != nil {
		return trust.DefaultMemory().After(r.Record, 0, 0, now)
	}
	return trust.Record{}
}

// Settle notes a device's settled result, and whether somebody else has found
// it right. It returns the record to store.
func (b *Book) Settle(d Device, verified bool, at time.Time) Record {
	r := b.get(d)
	n := int64(0)
	if verified && !r.Caught { // the population has counted those out
		n = 1
		b.population.Verify(d.Class, r.Verified, r.Verified+1)
	}
	r.Record = trust.DefaultMemory().After(r.Record, 1, n, at)
	r.Results++
	r.Verified += n
	b.heed(int(n))
	return *r
}

// Catch notes that a device was proved wrong. It returns the record to store.
func (b *Book) Catch(d Device, at time.Time) Record {
	r := b.get(d)
	r.Results++
	r.Record = trust.Record{At: at} // what spoke for it was a mistake
	if !r.Caught {
		r.Caught = true
		b.caught[d.Volunteer] = append(b.caught[d.Volunteer], d.Class)
		b.population.Catch(d.Class, r.Verified)
		b.judge(d.Class)
		b.heed(learnEvery) // at once, where there are few classes
	}
	return *r
}

// judge closes a class that is seen to fail for everybody. That is for good, as
// long as the hub runs: nobody of the class is asked any more, so nothing that is
// learned of others afterwards says anything about it.
func (b *Book) judge(class string) {
	if b.population.Quarantined(class) {
		b.closed[class] = true
	}
}

// Closed reports whether a class fails for everybody, because of its driver.
func (b *Book) Closed(class string) bool { return b.closed[class] }

// Lied reports whether somebody was proved wrong and no driver is to blame: then
// no word of theirs counts, with whatever device.
func (b *Book) Lied(v volunteer.ID) bool {
	for _, class := range b.caught[v] {
		if !b.closed[class] {
			return true
		}
	}
	return false
}

// Caught reports whether a device was proved wrong.
func (b *Book) Caught(d Device) bool {
	r := b.known[d]
	return r != nil && r.Caught
}

// Discredited reports whether what a device says, and has said, counts for
// nothing: it was proved wrong, or its owner has lied.
func (b *Book) Discredited(d Device) bool { return b.Caught(d) || b.Lied(d.Volunteer) }

// Suspects are all who were ever proved wrong.
func (b *Book) Suspects() []volunteer.ID {
	list := make([]volunteer.ID, 0, len(b.caught))
	for v := range b.caught {
		list = append(list, v)
	}
	return list
}
