package hub

import "errors"

// ErrLocked means that another hub runs on the same data directory.
var ErrLocked = errors.New("hub: another hub uses this data directory")
