package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/shoal-compute/shoal/webgpu/program"
	"github.com/shoal-compute/shoal/webgpu/reference"
	"github.com/shoal-compute/shoal/webgpu/trace/dispute"
)

// newDispute is `shoal dispute`: what hubs keep of results that differed.
func newDispute(s streams) *cobra.Command {
	c := group(&cobra.Command{Use: "dispute", Short: "Check disputes between volunteers"})
	var asJSON bool
	replay := &cobra.Command{
		Use:   "replay FILE",
		Short: "Make the verdict of a dispute again from its evidence, offline",
		Args:  exactly(1, "a file of evidence"),
		RunE: func(c *cobra.Command, args []string) error {
			evidence, err := readInput(c.Context(), s, args[0], maxEvidence)
			if err != nil {
				return err
			}
			return replayDispute(c.Context(), s, evidence, asJSON)
		},
	}
	replay.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	c.AddCommand(replay)
	return c
}

// maxEvidence bounds a file of evidence, in bytes: an op's inputs are in it.
const maxEvidence = 1 << 30

// party is what a replay says of one volunteer.
type party struct {
	Volunteer string `json:"volunteer"`
	AtFault   bool   `json:"at_fault"`
	Absent    bool   `json:"absent"` // by the hub's word alone
	Reason    string `json:"reason"`
	Bytes     int64  `json:"bytes"`
}

func replayDispute(ctx context.Context, s streams, evidence []byte, asJSON bool) error {
	c, v, err := dispute.Replay(ctx, evidence, reference.Interpret)
	switch {
	case errors.Is(err, dispute.ErrDamaged), errors.Is(err, program.ErrDamaged):
		return &inputError{err}
	case err != nil && ctx.Err() != nil:
		return err
	case err != nil:
		return &verificationError{err.Error()}
	}
	var parties [2]party
	for i, claim := range c.Claims {
		parties[i] = party{Volunteer: hex.EncodeToString(claim.Key), Bytes: v.Bytes[i]}
		if f := v.Faults[i]; f != nil {
			parties[i].AtFault, parties[i].Absent, parties[i].Reason = true, f.Absent, f.Text
		}
	}
	if asJSON {
		return writeJSON(s.out, map[string]any{
			"case": c.ID().String(), "program": c.Program.ID().String(), "op": v.Op, "op_name": v.Name,
			"rounds": v.Rounds, "reruns": v.Reruns, "parties": parties,
		})
	}
	fmt.Fprintf(s.out, "case %s\nprogram %s\n", c.ID(), c.Program.ID())
	if v.Op >= 0 {
		fmt.Fprintf(s.out, "first difference in op %d (%s), found in %d rounds; %d ops run again\n", v.Op, v.Name, v.Rounds, v.Reruns)
	}
	for _, p := range parties {
		verdict := "not refuted"
		switch {
		case p.Absent:
			verdict = "did not answer, by the hub's word: " + p.Reason
		case p.AtFault:
			verdict = "at fault: " + p.Reason
		}
		if _, err := fmt.Fprintf(s.out, "volunteer %s %s\n", p.Volunteer, verdict); err != nil {
			return err
		}
	}
	return nil
}
