// Package all lists the job kinds, in plain code.
package all

import (
	"slices"
	"strings"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/job/mapping"
	"github.com/shoal-compute/shoal/hub/job/train"
)

// Kinds returns every job kind.
func Kinds() []job.Kind {
	return []job.Kind{train.Kind{}, mapping.Kind{}}
}

// ByName finds a kind by the word in a job file's kind field. Its error is a
// job.FieldError.
func ByName(name string) (job.Kind, error) {
	kinds := Kinds()
	i := slices.IndexFunc(kinds, func(k job.Kind) bool { return k.Name() == name })
	if i < 0 {
		var names []string
		for _, k := range kinds {
			names = append(names, k.Name())
		}
		return nil, job.Fieldf("kind", "want %s, got %q", strings.Join(names, " or "), name)
	}
	return kinds[i], nil
}
