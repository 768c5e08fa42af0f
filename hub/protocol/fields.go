package protocol

import "math"

// blank returns the zero message of type t, or nil if there is none.
func blank(t Type) Message {
	switch t {
	case TypeHello:
		return Hello{}
	case TypeWelcome:
		return Welcome{}
	case TypeConsent:
		return Consent{}
	case TypeConsented:
		return Consented{}
	case TypeWant:
		return Want{}
	case TypeLease:
		return Lease{}
	case TypeSeal:
		return Seal{}
	case TypeOpen:
		return Open{}
	case TypeResult:
		return Result{}
	case TypeVerdict:
		return Verdict{}
	case TypeReturn:
		return Return{}
	case TypeRevoke:
		return Revoke{}
	case TypeGetBlob:
		return GetBlob{}
	case TypeBlob:
		return Blob{}
	case TypeStatusUpdate:
		return StatusUpdate{}
	case TypeGoodbye:
		return Goodbye{}
	case TypeError:
		return Error{}
	case TypeUnfit:
		return Unfit{}
	case TypeChallenge:
		return Challenge{}
	case TypeResponse:
		return Response{}
	}
	return nil
}

// message codes the fields of m in their order on the wire and returns the
// message that resulted.
func (c *coder) message(m Message) Message {
	switch m := m.(type) {
	case Hello:
		c.uint("min_version", &m.MinVersion)
		c.uint("max_version", &m.MaxVersion)
		c.fixed("volunteer", m.Volunteer[:])
		c.text("agent", &m.Agent, MaxText)
		list(c, "devices", &m.Devices, MaxDevices, func(d *Device) {
			c.text("devices.lane", &d.Lane, MaxText)
			c.text("devices.detail", &d.Detail, MaxText)
			c.uint("devices.threads", &d.Threads)
			c.uint("devices.memory", &d.Memory)
		})
		return m
	case Welcome:
		c.uint("version", &m.Version)
		c.fixed("nonce", m.Nonce[:])
		c.text("hub", &m.Hub, MaxText)
		c.time("now", &m.Now)
		return m
	case Consent:
		c.text("origin", &m.Origin, MaxText)
		c.text("runs", &m.Runs, MaxConsent)
		c.text("limits", &m.Limits, MaxConsent)
		c.time("issued", &m.Issued)
		c.time("expires", &m.Expires)
		c.fixed("signature", m.Signature[:])
		return m
	case Consented:
		c.time("expires", &m.Expires)
		return m
	case Want:
		c.uint("device", &m.Device)
		c.uint("count", &m.Count)
		return m
	case Lease:
		c.bytes("token", &m.Token, MaxToken)
		c.fixed("nonce", m.Nonce[:])
		c.text("job", &m.Job, MaxText)
		c.uint("shard", &m.Shard)
		c.uint("device", &m.Device)
		c.time("deadline", &m.Deadline)
		c.bool("sealed", &m.Sealed)
		c.bytes("payload", &m.Payload, maxPayload)
		return m
	case Seal:
		c.bytes("token", &m.Token, MaxToken)
		c.fixed("seal", m.Seal[:])
		return m
	case Open:
		c.bytes("token", &m.Token, MaxToken)
		return m
	case Result:
		c.bytes("token", &m.Token, MaxToken)
		c.bytes("outputs", &m.Outputs, maxData)
		c.uint("millis", &m.Millis)
		c.fixed("signature", m.Signature[:])
		return m
	case Verdict:
		c.bytes("token", &m.Token, MaxToken)
		status := uint64(m.Status)
		c.small("status", &status, math.MaxUint8)
		m.Status = Status(status)
		c.int("credit", &m.Credit)
		c.text("reason", &m.Reason, MaxText)
		return m
	case Return:
		list(c, "tokens", &m.Tokens, MaxTokens, func(t *[]byte) { c.bytes("tokens", t, MaxToken) })
		c.text("reason", &m.Reason, MaxText)
		return m
	case Revoke:
		c.bytes("token", &m.Token, MaxToken)
		c.text("reason", &m.Reason, MaxText)
		return m
	case GetBlob:
		c.fixed("hash", m.Hash[:])
		return m
	case Blob:
		c.fixed("hash", m.Hash[:])
		c.bytes("data", &m.Data, maxData)
		return m
	case StatusUpdate:
		c.bytes("json", &m.JSON, MaxStatus)
		return m
	case Goodbye:
		c.text("reason", &m.Reason, MaxText)
		return m
	case Error:
		code := uint64(m.Code)
		c.small("code", &code, math.MaxUint16)
		m.Code = Code(code)
		c.text("message", &m.Message, MaxText)
		c.bool("fatal", &m.Fatal)
		c.bytes("ref", &m.Ref, MaxToken)
		return m
	case Unfit:
		list(c, "lanes", &m.Lanes, MaxUnfit, func(l *Lane) {
			c.text("lanes.lane", &l.Lane, MaxText)
			c.text("lanes.detail", &l.Detail, MaxText)
			c.text("lanes.reason", &l.Reason, MaxText)
		})
		return m
	case Challenge:
		c.bytes("token", &m.Token, MaxToken)
		c.uint("device", &m.Device)
		c.fixed("case", m.Case[:])
		c.bytes("question", &m.Question, MaxQuestion)
		c.bytes("payload", &m.Payload, maxPayload)
		return m
	case Response:
		c.bytes("token", &m.Token, MaxToken)
		c.fixed("case", m.Case[:])
		c.bytes("answer", &m.Answer, MaxAnswer)
		c.text("refusal", &m.Refusal, MaxText)
		return m
	}
	c.failf(CodeInternal, "%T is not a message; messages are passed by value", m)
	return nil
}
