package wire

// WindowStart returns the start of the window that holds the event time at, all
// in ms. Windows are aligned to the epoch, also before it. Whoever counts a
// record has to place it by this: the two sides of an edge are compared window by
// window.
func WindowStart(at, window int64) int64 {
	n := at / window
	if at%window < 0 {
		n--
	}
	return n * window
}
