package httpapi

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// Every route is described, everything described is a route, and every
// reference inside the document leads somewhere.
func TestOpenAPI(t *testing.T) {
	var doc map[string]any
	if err := json.Unmarshal(openAPI, &doc); err != nil {
		t.Fatal(err)
	}
	if v := doc["openapi"]; v != "3.1.0" {
		t.Errorf("openapi is %v, want 3.1.0", v)
	}
	described := map[string]map[string]any{}
	for path, item := range doc["paths"].(map[string]any) {
		for method, op := range item.(map[string]any) {
			described[strings.ToUpper(method)+" "+path] = op.(map[string]any)
		}
	}
	for _, r := range (&api{metrics: newMetrics(nil)}).table() {
		op, ok := described[r.pattern]
		if !ok {
			t.Errorf("%s is not described", r.pattern)
			continue
		}
		delete(described, r.pattern)
		if _, secured := op["security"]; secured != r.admin {
			t.Errorf("%s: described as needing the key: %v, want %v", r.pattern, secured, r.admin)
		}
		for _, field := range []string{"operationId", "summary", "responses"} {
			if op[field] == nil {
				t.Errorf("%s: no %s", r.pattern, field)
			}
		}
		for _, part := range strings.Split(r.pattern, "/") {
			if strings.HasPrefix(part, "{") && !strings.Contains(fmt.Sprint(op["parameters"]), "parameters/") {
				t.Errorf("%s: parameter %s is not described", r.pattern, part)
			}
		}
	}
	for pattern := range described {
		t.Errorf("%s is described, but no route", pattern)
	}
	resolve(t, doc, doc)
}

// resolve follows every $ref under v.
func resolve(t *testing.T, doc map[string]any, v any) {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			resolve(t, doc, item)
		}
	case map[string]any:
		for key, item := range v {
			if name, ok := item.(string); ok && key == "$ref" {
				var at any = doc
				for _, part := range strings.Split(strings.TrimPrefix(name, "#/"), "/") {
					at, _ = at.(map[string]any)[part]
				}
				if at == nil {
					t.Errorf("%s leads nowhere", name)
				}
			}
			resolve(t, doc, item)
		}
	}
}
