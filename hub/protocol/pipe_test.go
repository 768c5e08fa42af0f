package protocol_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/shoal-compute/shoal/hub/protocol"
	"github.com/shoal-compute/shoal/hub/protocol/protocoltest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestPipe(t *testing.T) {
	protocoltest.Run(t, func(*testing.T) (a, b protocol.Frames) { return protocol.FramePipe() })
}
