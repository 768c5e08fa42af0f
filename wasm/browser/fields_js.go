package browser

import (
	"errors"
	"syscall/js"
	"time"

	"github.com/shoal-compute/shoal/hub/protocol"
)

// text reads a string field of an object.
func text(o js.Value, field, absent string) string {
	if v := o.Get(field); v.Type() == js.TypeString {
		return v.String()
	}
	return absent
}

// number reads a number field.
func number(o js.Value, field string, absent float64) float64 {
	if v := o.Get(field); v.Type() == js.TypeNumber {
		return v.Float()
	}
	return absent
}

// texts reads a field that is an array of strings.
func texts(o js.Value, field string, absent []string) []string {
	v := o.Get(field)
	if v.Type() != js.TypeObject || !js.Global().Get("Array").Call("isArray", v).Bool() {
		return absent
	}
	var list []string
	for i := range v.Length() {
		if e := v.Index(i); e.Type() == js.TypeString {
			list = append(list, e.String())
		}
	}
	return list
}

func list(s []string) []any {
	l := make([]any, len(s))
	for i := range s {
		l[i] = s[i]
	}
	return l
}

// share reads the part of the time, in percent, that a person lets a device
// compute.
func share(limits js.Value) int {
	if limits.Type() != js.TypeObject {
		return 100
	}
	return int(min(max(number(limits, "cpu_usage_limit", 100), 1), 100))
}

// readConsent reads what the person agreed to.
func readConsent(o js.Value, origin string) (protocol.Consent, error) {
	if o.Type() != js.TypeObject {
		return protocol.Consent{}, errors.New("consent: must be an object")
	}
	c := protocol.Consent{
		Origin:  text(o, "origin", origin),
		Runs:    text(o, "runs", ""),
		Issued:  time.UnixMilli(int64(number(o, "issued", float64(time.Now().UnixMilli())))),
		Expires: time.UnixMilli(int64(number(o, "expires", 0))),
	}
	switch {
	case c.Runs == "":
		return c, errors.New("consent.runs: must hold the words the person agreed to")
	case !c.Expires.After(time.Now()):
		return c, errors.New("consent.expires: must be a time to come, in milliseconds since 1970")
	case len(c.Runs) > protocol.MaxConsent:
		return c, errors.New("consent.runs: too long")
	}
	if limits := o.Get("limits"); limits.Type() == js.TypeObject {
		c.Limits = js.Global().Get("JSON").Call("stringify", limits).String()
	}
	if len(c.Limits) > protocol.MaxConsent {
		return c, errors.New("consent.limits: too long")
	}
	return c, nil
}

// dictionary reads an object whose fields are all strings.
func dictionary(o js.Value) map[string]string {
	m := map[string]string{}
	if o.Type() != js.TypeObject {
		return m
	}
	keys := js.Global().Get("Object").Call("keys", o)
	for i := range keys.Length() {
		if k := keys.Index(i).String(); o.Get(k).Type() == js.TypeString {
			m[k] = o.Get(k).String()
		}
	}
	return m
}
