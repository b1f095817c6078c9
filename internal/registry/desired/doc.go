// Package desired holds a directory of schemas against a registry: what has to be
// registered, set and deleted so that the registry has what the directory says.
//
// # Algorithm
//
// Load reads the directory: each *.avsc, *.json and *.proto is a subject, named by
// its path, or as weir-schemas.yaml says, which also has compatibility, modes and
// references. Make is pure: it tries every change out, one behind the other, on a
// state of the registry, by the code with which weir's registry decides; schemas that
// others refer to come first. A change that is refused there is in the plan with the
// reason and with what would break, and then nothing of the plan is to be done. Apply
// does it, change by change, and stops at the first that fails. How a change is made is
// the caller's: by the HTTP API of any registry (Over), or in the process of weir's.
//
// # Guarantee
//
//   - Nothing is changed unless each change passed on its own behind those before it.
//   - What the directory does not name is reported, and deleted (softly) only if Make is
//     told to.
//   - A plan that was applied gives an empty plan.
//
// # Cost
//
// Make costs as much as the registrations would, without the writes.
//
// # What it is not
//
// It does not lock the registry: who registers between the plan and its end may have a
// later change refused; what was done stays, and the next plan goes on from there.
package desired
