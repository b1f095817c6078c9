package demo

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math"
	"os"
	"slices"
	"time"

	"github.com/weirhq/weir/internal/wire"
)

// Input is an access log that can be read any number of times: a file as it was
// when it was opened, or the built-in log.
type Input struct {
	Name string // for people: the path, or "built-in log"

	data io.ReaderAt
	size int64
	gzip bool
}

// Builtin returns the generated log of 10,000 lines.
func Builtin() Input {
	var b bytes.Buffer
	if _, err := Generate(&b, BuiltinSeed, BuiltinLines); err != nil {
		panic(err) // neither a buffer nor the constants can fail
	}
	return Input{Name: "built-in log", data: bytes.NewReader(b.Bytes()), size: int64(b.Len())}
}

// Open opens a log file, plain or gzip by its first bytes. The file stays open
// until Close, and only the bytes that it has now are read: so both readings see
// the same, also of a log that is being written or is renamed meanwhile.
func Open(path string) (Input, error) {
	info, err := os.Stat(path) // before opening, which waits for ever on a pipe
	if err != nil {
		return Input{}, openingError(path, err)
	}
	if info.IsDir() {
		return Input{}, fmt.Errorf("opening access log %s: it is a directory; name one log file in it", path)
	}
	if !info.Mode().IsRegular() {
		return Input{}, fmt.Errorf("opening access log %s: not a regular file, and it is read twice; save it to a file first", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return Input{}, openingError(path, err)
	}
	var magic [2]byte
	if _, err := f.ReadAt(magic[:], 0); err != nil && err != io.EOF {
		f.Close()
		return Input{}, openingError(path, err)
	}
	return Input{Name: path, data: f, size: info.Size(), gzip: magic == [2]byte{0x1f, 0x8b}}, nil
}

// openingError says the path once, and what to do if nothing is there.
func openingError(path string, err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = e.Err
	}
	remedy := ""
	if errors.Is(err, fs.ErrNotExist) {
		remedy = "; try its full path, or leave --input out to use the built-in log"
	}
	return fmt.Errorf("opening access log %s: %w%s", path, err, remedy)
}

// Close closes the file, if it is one.
func (in Input) Close() error {
	if c, ok := in.data.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// Lines calls fn with each line and its number, from 1, until fn returns an error,
// which it returns as it is. A line has no "\n" and is valid until fn returns; one
// that Parse refuses as too long may lack its end. The last line needs no "\n".
func (in Input) Lines(fn func(n int64, line []byte) error) error {
	return in.lines(io.Discard, fn)
}

// lines is Lines with a copy of all bytes read, unpacked.
func (in Input) lines(raw io.Writer, fn func(n int64, line []byte) error) error {
	var r io.Reader = io.NewSectionReader(in.data, 0, in.size)
	if in.gzip {
		z, err := gzip.NewReader(r)
		if err != nil {
			return in.readingError(1, err)
		}
		r = z
	}
	// A line that parses has at most MaxLine bytes, "\r" and "\n": it fits.
	b := bufio.NewReaderSize(io.TeeReader(r, raw), MaxLine+2)
	for n := int64(1); ; n++ {
		line, err := b.ReadSlice('\n')
		if err == io.EOF && len(line) == 0 {
			return nil
		}
		if err == nil || err == io.EOF || err == bufio.ErrBufferFull {
			if err := fn(n, bytes.TrimSuffix(line, []byte("\n"))); err != nil {
				return err
			}
		}
		for err == bufio.ErrBufferFull {
			_, err = b.ReadSlice('\n')
		}
		if err != nil && err != io.EOF {
			return in.readingError(n, err)
		}
	}
}

func (in Input) readingError(n int64, err error) error {
	remedy := ""
	if in.gzip {
		remedy = "; the gzip file is cut off or damaged (gzip -t tells)"
	}
	return fmt.Errorf("reading access log %s: line %d: %w%s", in.Name, n, err, remedy)
}

// Survey is what the first reading of an input finds.
type Survey struct {
	Source         string          // the first 8 hex digits of the SHA-256 of the unpacked input
	Lines, Records int64           // Lines = Records + UnparsedCount
	Unparsed       []int64         // line numbers of the first five that don't parse
	UnparsedCount  int64           // how many don't, in all
	Windows        map[int64]int64 // start of a window, ms since the epoch -> records
	Last           map[int64]int64 // start of a window -> number of the last line, in input order, that is in it
}

// Survey reads the input to its end and counts its records in windows.
func (in Input) Survey(window time.Duration) (Survey, error) {
	s := Survey{Windows: map[int64]int64{}, Last: map[int64]int64{}}
	h := sha256.New()
	err := in.lines(h, func(n int64, line []byte) error {
		s.Lines++
		v, err := Parse(line)
		if err != nil {
			s.UnparsedCount++
			if len(s.Unparsed) < 5 {
				s.Unparsed = append(s.Unparsed, n)
			}
			return nil
		}
		s.Records++
		start := Window(v.At, window)
		s.Windows[start]++
		s.Last[start] = n
		return nil
	})
	s.Source = hex.EncodeToString(h.Sum(nil)[:4])
	return s, err
}

// Window returns the start of the window that at lies in, in ms since the epoch.
// Windows of a size (whole ms, above 0) are aligned to the epoch.
func Window(at time.Time, size time.Duration) int64 {
	return wire.WindowStart(at.UnixMilli(), size.Milliseconds())
}

// NoWindow stands for a window that isn't there: no window starts there.
const NoWindow = math.MinInt64

// Fullest returns the windows with the most and the second most records; of equals,
// the earlier is the fuller. What isn't there is NoWindow.
func Fullest(windows map[int64]int64) (first, second int64) {
	starts := slices.SortedFunc(maps.Keys(windows), func(a, b int64) int {
		return cmp.Or(cmp.Compare(windows[b], windows[a]), cmp.Compare(a, b))
	})
	starts = append(starts, NoWindow, NoWindow)
	return starts[0], starts[1]
}
