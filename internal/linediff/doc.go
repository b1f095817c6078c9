// Package linediff compares two texts line by line: the longest common subsequence of
// what lies between their common beginning and end. It costs the product of the lines
// that differ, in time and, at 4 bytes each, in memory; where that is over 4 million,
// it says that all of them are replaced.
package linediff
