package kafkatest

import (
	"os"
	"strings"
	"testing"
)

// withArchive is the option with which Java starts Kafka on half the CPU: it maps an archive of the classes that an earlier broker had
// loaded, https://docs.oracle.com/en/java/javase/17/vm/class-data-sharing.html. The first call on a machine makes it, by starting and
// stopping that broker. Java works without the archive too, so one that could not be made, or that is of another Java, only costs time.
func withArchive(t testing.TB, version string) string {
	t.Helper()
	libs, ours := strings.CutSuffix(classpath(t, version), version+"/*")
	if !ours {
		return "-Xshare:auto" // of KAFKA_HOME, whose jars may change: Java's default
	}
	archive := libs + version + ".jsa"
	lock, err := lockFile(archive + ".lock")
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if _, err := os.Stat(archive); err != nil {
		temp := archive + ".new"
		c := start(t, settings{version: version, brokers: 1, logDirs: 1, user: "user", password: "password", tls: true}, "-XX:ArchiveClassesAtExit="+temp)
		c.Stop()
		if err := os.Rename(temp, archive); err != nil {
			t.Logf("Kafka starts slowly: %v", err)
			os.WriteFile(archive, nil, 0o640) // not again
		}
	}
	return "-XX:SharedArchiveFile=" + archive
}
