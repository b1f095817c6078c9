// Package invariant checks what must always hold, in tests.
//
// Under the race detector, and with the build tag invariants, [Check] panics
// when its condition is false. Otherwise it is compiled to nothing: its
// condition must have no effect that anybody counts on.
//
// It is for what only a bug of ours can break. Input, and whatever a broker may
// answer, is an error instead.
package invariant
