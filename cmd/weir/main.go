// Command weir runs the platform around Apache Kafka, or one command of it.
package main

import "os"

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}
