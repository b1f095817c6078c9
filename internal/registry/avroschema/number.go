package avroschema

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

func (r *scanner) digits() int {
	start := r.at
	for r.at < len(r.s) && r.s[r.at] >= '0' && r.s[r.at] <= '9' {
		r.at++
	}
	return r.at - start
}

func (r *scanner) number() (v value, err error) {
	start := r.at
	if r.s[r.at] == '-' {
		r.at++
	}
	first := r.at
	n := r.digits()
	bad := n == 0 || n > 1 && r.s[first] == '0'
	v.kind = 'i'
	if r.at < len(r.s) && r.s[r.at] == '.' {
		v.kind = 'd'
		r.at++
		bad = bad || r.digits() == 0
	}
	if r.at < len(r.s) && r.s[r.at]|0x20 == 'e' {
		v.kind = 'd'
		r.at++
		if r.at < len(r.s) && (r.s[r.at] == '-' || r.s[r.at] == '+') {
			r.at++
		}
		bad = bad || r.digits() == 0
	}
	v.text = r.s[start:r.at]
	if bad || r.at < len(r.s) && isWord(r.s[r.at]) || len(v.text) > 1000 { // Jackson's limit
		return v, fmt.Errorf("%.20q is not a number", v.text)
	}
	if v.kind == 'd' {
		f, _ := strconv.ParseFloat(v.text, 64) // out of range is infinite, as in Java
		v.text = javaDouble(f)
	} else if v.text == "-0" {
		v.text = "0"
	}
	return v, nil
}

// integer says whether v is an integer of so many bits.
func (v *value) integer(bits int) bool {
	if v.kind != 'i' {
		return false
	}
	_, err := strconv.ParseInt(v.text, 10, bits)
	return err == nil
}

// javaDouble spells a number as Java's Double.toString (of JDK 19 and newer: the
// fewest digits that mean this number).
func javaDouble(f float64) string {
	switch abs := math.Abs(f); {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 0):
		if f < 0 {
			return "-Infinity"
		}
		return "Infinity"
	case abs == 0 || abs >= 1e-3 && abs < 1e7:
		s := strconv.FormatFloat(f, 'f', -1, 64)
		if !strings.Contains(s, ".") {
			s += ".0"
		}
		return s
	}
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(f, 'e', -1, 64), "e")
	if !strings.Contains(mantissa, ".") {
		mantissa += ".0"
	}
	n, _ := strconv.Atoi(exponent)
	return mantissa + "E" + strconv.Itoa(n)
}

// parseJavaDouble reads a number as Java's Double.parseDouble: with a sign, a
// suffix, NaN and Infinity, and in hexadecimal if it has an exponent.
func parseJavaDouble(text string) (float64, error) {
	s := strings.TrimFunc(text, func(c rune) bool { return c <= ' ' })
	digits := s
	if s != "" && (s[0] == '-' || s[0] == '+') {
		digits = s[1:]
	}
	switch {
	case digits == "NaN":
		return math.NaN(), nil
	case digits == "Infinity":
		return strconv.ParseFloat(s, 64)
	case digits == "" || digits[0] != '.' && (digits[0] < '0' || digits[0] > '9') || strings.Contains(s, "_"):
		return 0, fmt.Errorf("%q is not a number", text)
	}
	if !strings.HasPrefix(strings.ToLower(digits), "0x") || strings.ContainsAny(s, "pP") {
		if strings.IndexByte("dDfF", s[len(s)-1]) >= 0 {
			s = s[:len(s)-1]
		}
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) { // out of range is infinite, as in Java
		return 0, fmt.Errorf("%q is not a number", text)
	}
	return f, nil
}
