package httpapi

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/archive"
	"github.com/shoal-compute/shoal/hub/internal/engine"
	"github.com/shoal-compute/shoal/hub/internal/volunteer"
)

// receipts sends a job's receipts, one a line, as package receipt writes them.
// Those of an ended job are its record: what the hub has signed.
func (a *api) receipts(w http.ResponseWriter, r *http.Request) {
	v, err := a.Engine.Describe(r.Context(), r.PathValue("id")) // before the first byte: is there such a job?
	if err != nil {
		a.fail(w, r, err)
		return
	}
	if v.State.Ended() {
		a.storedReceipts(w, r, v.ID)
		return
	}
	w.Header().Set("Content-Type", "application/jsonl")
	w.Header().Set("Cache-Control", "no-store")
	out := bufio.NewWriterSize(w, 64<<10)
	err = a.Engine.Receipts(r.Context(), v.ID, func(settled engine.Receipt) error {
		line, err := archive.Receipt(v.ID, settled).Encode()
		if err != nil {
			return err
		}
		_, err = out.Write(append(line, '\n'))
		return err
	})
	if err == nil {
		err = out.Flush()
	}
	a.cutShort(r, err)
}

func (a *api) storedReceipts(w http.ResponseWriter, r *http.Request, id string) {
	if err := a.Archive.Ensure(r.Context(), a.Engine, id); err != nil {
		a.fail(w, r, err)
		return
	}
	f, err := a.Archive.Receipts(id)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	defer f.Close()
	w.Header().Set("Content-Type", "application/jsonl")
	_, err = io.Copy(w, f)
	a.cutShort(r, err)
}

// cutShort ends an answer whose status is sent already: only a broken
// connection still tells that it is not whole.
func (a *api) cutShort(r *http.Request, err error) {
	if err != nil && r.Context().Err() == nil {
		a.Log.Warn("receipts cut short", "path", r.URL.Path, "err", err)
		panic(http.ErrAbortHandler)
	}
}

// ended finds an ended job, makes sure of its record, and answers by itself
// when there is none.
func (a *api) ended(w http.ResponseWriter, r *http.Request) (id string, ok bool) {
	v, err := a.Engine.Describe(r.Context(), r.PathValue("id"))
	if err == nil && !v.State.Ended() {
		writeProblem(w, problem{Status: http.StatusConflict, Detail: fmt.Sprintf("the job is %s; its log is signed when it has ended", v.State)})
		return "", false
	}
	if err == nil {
		err = a.Archive.Ensure(r.Context(), a.Engine, v.ID)
	}
	if err != nil {
		a.fail(w, r, err)
		return "", false
	}
	return v.ID, true
}

// log sends the signed head of an ended job's receipts.
func (a *api) log(w http.ResponseWriter, r *http.Request) {
	id, ok := a.ended(w, r)
	if !ok {
		return
	}
	head, err := a.Archive.Head(id)
	a.sendHead(w, r, head, err)
}

// superseded sends a signed head that another has taken the place of, whatever
// the job is doing now.
func (a *api) superseded(w http.ResponseWriter, r *http.Request) {
	edition, err := strconv.Atoi(r.PathValue("edition"))
	if err != nil || edition < 0 {
		writeProblem(w, problem{Status: http.StatusBadRequest, Detail: "the path must name a superseded edition by its number, from 0", Field: "edition"})
		return
	}
	head, err := a.Archive.Superseded(r.PathValue("id"), edition)
	a.sendHead(w, r, head, err)
}

func (a *api) sendHead(w http.ResponseWriter, r *http.Request, head []byte, err error) {
	if err != nil {
		a.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write(head) // the peer has gone: nobody to tell
}

// proof proves that one receipt is in an ended job's log.
func (a *api) proof(w http.ResponseWriter, r *http.Request) {
	n, err := strconv.ParseInt(r.PathValue("n"), 10, 64)
	if err != nil || n < 0 {
		writeProblem(w, problem{Status: http.StatusBadRequest, Detail: "the path must name a receipt by its number, from 0", Field: "n"})
		return
	}
	id, ok := a.ended(w, r)
	if !ok {
		return
	}
	p, err := a.Archive.Prove(id, n)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, p)
}

// disputeJSON is how a dispute between two results ended.
type disputeJSON struct {
	Shard    uint64      `json:"shard"`
	Round    int         `json:"round"`
	Index    int         `json:"index"`
	Op       int         `json:"op"`      // the first in which they differ; -1 if it was not reached
	OpName   string      `json:"op_name"` // empty if it was not reached
	Rounds   int         `json:"rounds"`
	Bytes    int64       `json:"bytes"` // of questions and answers
	Parties  []partyJSON `json:"parties"`
	Evidence string      `json:"evidence"` // path of what `shoal dispute replay` makes the verdict from
	At       time.Time   `json:"at"`
}

type partyJSON struct {
	Volunteer volunteer.ID `json:"volunteer"`
	AtFault   bool         `json:"at_fault"`
	Absent    bool         `json:"absent"`  // it did not answer, by the hub's word alone
	Refuted   bool         `json:"refuted"` // it did not answer, and an audit proved its result wrong
	Reason    string       `json:"reason,omitempty"`
}

func disputeOf(d engine.Dispute) disputeJSON {
	out := disputeJSON{
		Shard: uint64(d.Shard), Round: d.Shard.Round(), Index: d.Shard.Index(), Op: d.Op, OpName: d.Name,
		Rounds: d.Rounds, Bytes: d.Bytes, Evidence: "/blob/" + d.Evidence.String(), At: d.At.UTC(),
	}
	for i, id := range []volunteer.ID{d.A, d.B} {
		f := d.Faults[i]
		out.Parties = append(out.Parties, partyJSON{id, f != engine.Fault{}, f.Absent, d.Refuted[i], f.Text})
	}
	return out
}

// disputes lists a job's disputes, oldest first.
func (a *api) disputes(w http.ResponseWriter, r *http.Request) {
	list, err := a.Engine.Disputes(r.Context(), r.PathValue("id"))
	if err != nil {
		a.fail(w, r, err)
		return
	}
	out := make([]disputeJSON, len(list))
	for i, d := range list {
		out[i] = disputeOf(d)
	}
	writeJSON(w, http.StatusOK, map[string][]disputeJSON{"disputes": out})
}

// encode is the text by which two transactions are the same.
func encode(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("httpapi: %T does not encode: %v", v, err)) // our own types
	}
	return string(data)
}
