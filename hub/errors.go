package hub

import "errors"

// ErrLocked means that another hub runs on the same data directory.
var ErrLocked = errors.New("hub: another hub uses this data directory")

// ErrDamaged means that a data directory has lost what the rest of it cannot do
// without. New then changes nothing in it.
var ErrDamaged = errors.New("hub: damaged data directory")
