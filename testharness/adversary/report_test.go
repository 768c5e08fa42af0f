package adversary_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/shoal-compute/shoal/testharness/adversary"
)

// report is a table of outcomes.
type report []outcome

func (r *report) add(o outcome) { *r = append(*r, o) }

// String is the table as Markdown: a row for each strategy, and for each
// assurance what became of its lies.
func (r report) String() string {
	var b strings.Builder
	b.WriteString("Lies told / caught / repaired / left, and marks; `=` where the weights are those of a run without volunteers, `!` where not.\n\n")
	b.WriteString("| strategy | does | ends |")
	for _, a := range assurances {
		fmt.Fprintf(&b, " %s |", a.name)
	}
	b.WriteString("\n|---|---|---|" + strings.Repeat("---|", len(assurances)) + "\n")
	for _, s := range adversary.All() {
		fmt.Fprintf(&b, "| %s | %s | %s |", s.Name, s.Does, s.Ends)
		for _, a := range assurances {
			i := slices.IndexFunc(r, func(o outcome) bool { return o.strategy == s.Name && o.assurance == a.name })
			if i < 0 {
				b.WriteString(" |")
				continue
			}
			o, sign := r[i], "="
			if !o.equal {
				sign = "!"
			}
			fmt.Fprintf(&b, " %d/%d/%d/%d, %d %s |", o.told, o.caught, o.repaired, o.left, o.marks, sign)
		}
		b.WriteString("\n")
	}
	return b.String()
}
