package main

import (
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"

	"github.com/weirhq/weir/internal/broker"
	"github.com/weirhq/weir/internal/broker/brokertest"
)

var update = flag.Bool("update", false, "rewrite the expected output in the scripts")

// The test binary, under the name of weir, is weir.
func TestMain(m *testing.M) {
	testscript.Main(leakChecked{m}, map[string]func(){
		"weir": func() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) },
	})
}

type leakChecked struct{ *testing.M }

// Run runs the tests.
func (m leakChecked) Run() int {
	code := m.M.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	return code
}

// TestScripts runs the command lines of testdata/script, each script beside an engine
// of its own: WEIR_BOOTSTRAP is its address, ENGINE_DIR its data directory. SERVER
// serves the script's folder server, as a running weir would its API. Beside the
// commands of testscript there are
//
//	exits CODE ARG...      weir ARG... ends with the code
//	refuses REGEXP ARG...  weir ARG... ends with 1, and says why in one line like REGEXP
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", UpdateScripts: *update, RequireUniqueNames: true,
		Setup: func(env *testscript.Env) error {
			t := env.T().(testing.TB)
			dir := t.TempDir()
			engine, _ := brokertest.Start(t, broker.Config{Dir: dir})
			server := httptest.NewServer(http.FileServer(http.Dir(env.WorkDir + "/server")))
			t.Cleanup(server.Close)
			env.Setenv("WEIR_BOOTSTRAP", engine.Addr())
			env.Setenv("ENGINE_DIR", dir)
			env.Setenv("SERVER", server.URL)
			env.Setenv("GORACE", "atexit_sleep_ms=0") // the race detector's default is a second for each command
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "refuses": refuses},
	})
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: exits CODE ARG...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	if got := weir(ts, args[1:]); got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

func refuses(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: refuses REGEXP ARG...")
	}
	like := regexp.MustCompile("^weir: .*(" + args[0] + ")")
	if code := weir(ts, args[1:]); code != exitError {
		ts.Fatalf("exit code %d, want %d", code, exitError)
	}
	if said := ts.ReadFile("stderr"); strings.Count(said, "\n") != 1 || !like.MatchString(said) {
		ts.Fatalf("want one line like %q", like)
	}
}

// weir runs weir and returns its exit code.
func weir(ts *testscript.TestScript, args []string) int {
	err := ts.Exec("weir", args...)
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	ts.Check(err)
	return exitOK
}

// Every command says what it is for, and shows how.
func TestHelp(t *testing.T) {
	parser, err := kong.New(&cli{}, kong.Name("weir"))
	if err != nil {
		t.Fatal(err)
	}
	leaves := parser.Model.Leaves(true)
	if len(leaves) < 10 {
		t.Fatalf("%d commands", len(leaves))
	}
	for _, leaf := range leaves {
		path := strings.Fields(leaf.FullPath())[1:]
		var out, errs strings.Builder
		code := run(append(path, "--help"), &out, &errs)
		_, examples, found := strings.Cut(out.String(), "Example")
		if command := strings.Join(path, " "); code != 0 || !found || !strings.Contains(examples, "weir "+command) || leaf.Help == "" {
			t.Errorf("weir %s --help: exit code %d, help %q, and\n%s%s", command, code, leaf.Help, out.String(), errs.String())
		}
	}
}
