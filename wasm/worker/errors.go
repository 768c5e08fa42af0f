package worker

import (
	"errors"

	"github.com/shoal-compute/shoal/hub/protocol"
)

// ErrUnreachable is wrapped by Run's error when the hub could not be reached
// as often as Config.GiveUp allows.
var ErrUnreachable = errors.New("worker: hub unreachable")

// ErrConsent is wrapped by Run's error when the consent has run out or was
// not accepted: a person must agree again.
var ErrConsent = errors.New("worker: consent needed")

// ErrRefused is wrapped by Run's error when the hub will not serve this
// volunteer: no version in common, or denied. Trying again does not help.
var ErrRefused = errors.New("worker: refused by the hub")

// ErrNoDevice is wrapped by Run's error when the last device has been dropped:
// it was lost and could not be opened again. Another worker with other
// devices may go on with the same key.
var ErrNoDevice = errors.New("worker: no device is left")

// refusal returns why Run must end after the hub sent e, or nil when it may
// go on or connect again. A denial that is not fatal is about one device.
func refusal(e protocol.Error, lanes int) error {
	switch e.Code {
	case protocol.CodeConsentRequired, protocol.CodeConsentInvalid:
		return errors.Join(ErrConsent, e)
	case protocol.CodeVersion:
		return errors.Join(ErrRefused, e)
	case protocol.CodeDenied:
		if e.Fatal || lanes == 1 {
			return errors.Join(ErrRefused, e)
		}
	}
	return nil
}
