package health

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/parse"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"firebreak.dev/firebreak/test/harness"
)

// script is where the health check is, from the root of the repository.
const script = "config/argocd/health.lua"

// timeout is how long Argo CD lets a script run.
const timeout = time.Second

// Status is a health status of Argo CD.
type Status string

// The health statuses that a script may return. Missing and Unknown are Argo CD's, too; Unknown is also what a script that
// fails comes to.
const (
	Healthy     Status = "Healthy"
	Progressing Status = "Progressing"
	Degraded    Status = "Degraded"
	Suspended   Status = "Suspended"
	Missing     Status = "Missing"
	Unknown     Status = "Unknown"
)

// Verdict is what Argo CD shows of an object.
type Verdict struct {
	Status  Status
	Message string
}

// ArgoCD judges objects as Argo CD does with our script in argocd-cm, and no other setting. The source of what it does is
// util/lua in github.com/argoproj/argo-cd and pkg/health in github.com/argoproj/gitops-engine. It may be used side by side.
type ArgoCD struct {
	compiled *lua.FunctionProto
}

// NewArgoCD reads the script of this repository.
func NewArgoCD() (*ArgoCD, error) {
	root, err := harness.RepositoryRoot()
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(filepath.Join(root, script))
	if err != nil {
		return nil, fmt.Errorf("read the health check: %w", err)
	}
	return compile(string(text))
}

func compile(text string) (*ArgoCD, error) {
	chunk, err := parse.Parse(strings.NewReader(text), script)
	if err != nil {
		return nil, fmt.Errorf("parse the health check: %w", err)
	}
	compiled, err := lua.Compile(chunk, script)
	if err != nil {
		return nil, fmt.Errorf("compile the health check: %w", err)
	}
	return &ArgoCD{compiled}, nil
}

// Judge returns what Argo CD shows of an object. An object that is being deleted never gets to the script. A script that
// fails, or returns no table, is an error and Unknown.
func (a *ArgoCD) Judge(ctx context.Context, object *unstructured.Unstructured) (Verdict, error) {
	if object.GetDeletionTimestamp() != nil {
		return Verdict{Progressing, "Pending deletion"}, nil
	}
	verdict, err := a.run(ctx, object)
	if err != nil {
		return Verdict{Unknown, err.Error()}, fmt.Errorf("health of %s %s: %w", object.GetKind(), object.GetName(), err)
	}
	return verdict, nil
}

func (a *ArgoCD) run(ctx context.Context, object *unstructured.Unstructured) (Verdict, error) {
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	if err := openLibraries(state); err != nil {
		return Verdict{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	state.SetContext(ctx)
	state.SetGlobal("obj", toLua(state, object.Object))
	state.Push(state.NewFunctionFromProto(a.compiled))
	if err := state.PCall(0, lua.MultRet, nil); err != nil {
		return Verdict{}, err
	}
	return fromLua(state.Get(-1))
}

// openLibraries opens what Argo CD opens while useOpenLibs is not set: package, base and table, and of os, by require alone,
// what is harmless.
func openLibraries(state *lua.LState) error {
	libraries := []struct {
		name string
		open lua.LGFunction
	}{{lua.LoadLibName, lua.OpenPackage}, {lua.BaseLibName, lua.OpenBase}, {lua.TabLibName, lua.OpenTable}}
	for _, l := range libraries {
		if err := state.CallByParam(lua.P{Fn: state.NewFunction(l.open), Protect: true}, lua.LString(l.name)); err != nil {
			return fmt.Errorf("open library %s: %w", l.name, err)
		}
	}
	harmless := state.NewTable()
	lua.OpenOs(state)
	state.SetTop(0)
	for _, name := range []string{"time", "date"} {
		harmless.RawSetString(name, state.GetField(state.GetGlobal(lua.OsLibName), name))
	}
	state.SetGlobal(lua.OsLibName, lua.LNil)
	state.SetField(state.GetField(state.GetGlobal(lua.LoadLibName), "loaded"), lua.OsLibName, lua.LNil)
	state.PreloadModule(lua.OsLibName, func(state *lua.LState) int {
		state.Push(harmless)
		return 1
	})
	return nil
}

// toLua hands a JSON value over. Numbers are numbers, whether they were decoded as integers or not.
func toLua(state *lua.LState, value any) lua.LValue {
	switch v := value.(type) {
	case bool:
		return lua.LBool(v)
	case string:
		return lua.LString(v)
	case int64:
		return lua.LNumber(v)
	case float64:
		return lua.LNumber(v)
	case []any:
		table := state.CreateTable(len(v), 0)
		for _, item := range v {
			table.Append(toLua(state, item))
		}
		return table
	case map[string]any:
		table := state.CreateTable(0, len(v))
		for key, item := range v {
			table.RawSetString(key, toLua(state, item))
		}
		return table
	}
	return lua.LNil
}

func fromLua(value lua.LValue) (Verdict, error) {
	table, ok := value.(*lua.LTable)
	if !ok {
		return Verdict{}, fmt.Errorf("expect table output from Lua script, not %s", value.Type())
	}
	status, ok := table.RawGetString("status").(lua.LString)
	if !ok || !slices.Contains([]Status{Healthy, Progressing, Degraded, Suspended, Missing, Unknown}, Status(status)) {
		return Verdict{Unknown, "Lua returned an invalid health status"}, nil
	}
	switch message := table.RawGetString("message").(type) {
	case lua.LString:
		return Verdict{Status(status), string(message)}, nil
	case *lua.LNilType:
		return Verdict{Status: Status(status)}, nil
	}
	return Verdict{}, errors.New("the message is not a string")
}
