// Package promise brings what JavaScript says in its own ways to Go: a promise
// becomes a wait with a context, an exception an error. It knows nothing of
// what is promised: lanes, connections and sandboxes of a page use it alike.
package promise
