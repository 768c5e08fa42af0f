package worker

import "container/list"

// lru keeps values by how recently they were used, up to a total weight.
// It is not safe for concurrent use.
type lru[K comparable, V any] struct {
	budget  int64
	weight  int64
	order   *list.List // of *entry[K, V], most recent first
	byKey   map[K]*list.Element
	dropped func(V)
}

type entry[K comparable, V any] struct {
	key    K
	value  V
	weight int64
}

func newLRU[K comparable, V any](budget int64, dropped func(V)) *lru[K, V] {
	return &lru[K, V]{budget: budget, order: list.New(), byKey: map[K]*list.Element{}, dropped: dropped}
}

// get returns the value of k and makes it the most recent.
func (c *lru[K, V]) get(k K) (v V, ok bool) {
	e, ok := c.byKey[k]
	if !ok {
		return v, false
	}
	c.order.MoveToFront(e)
	return e.Value.(*entry[K, V]).value, true
}

// put adds a value that is not there yet. Nothing is dropped before trim, so
// that what one shard needs stays until it has run.
func (c *lru[K, V]) put(k K, v V, weight int64) {
	c.byKey[k] = c.order.PushFront(&entry[K, V]{k, v, weight})
	c.weight += weight
}

// trim drops the least recent values until the rest is within the budget.
func (c *lru[K, V]) trim() {
	for c.weight > c.budget && c.order.Len() > 0 {
		c.drop(c.order.Back())
	}
}

// clear drops everything.
func (c *lru[K, V]) clear() {
	for c.order.Len() > 0 {
		c.drop(c.order.Back())
	}
}

func (c *lru[K, V]) drop(el *list.Element) {
	e := c.order.Remove(el).(*entry[K, V])
	delete(c.byKey, e.key)
	c.weight -= e.weight
	c.dropped(e.value)
}
