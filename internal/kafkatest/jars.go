package kafkatest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Version is the Apache Kafka that is fetched when KAFKA_HOME is not set: the newest of which Maven Central has every part.
const Version = "4.3.1"

// Version39 is the last line of Kafka 3, for what must run on it too. It always comes from Maven Central.
const Version39 = "3.9.2"

// pom names what a broker and the console tools of a version need.
func pom(version string) string {
	text := `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>weir</groupId><artifactId>kafka-for-tests</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>` + version + `</version></dependency>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>` + version + `</version></dependency>
`
	if !strings.HasPrefix(version, "3.") {
		// Kafka 4 brings slf4j without a binding: without this nothing is logged. Kafka 3 brings one.
		text += `    <dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>2.25.1</version></dependency>
`
	}
	return text + `  </dependencies>
</project>
`
}

// Classpath is the -cp argument with which Java finds Kafka, fetched if need be.
func Classpath(t testing.TB) string {
	t.Helper()
	return classpath(t, Version)
}

func classpath(t testing.TB, version string) string {
	t.Helper()
	if home := os.Getenv("KAFKA_HOME"); home != "" && version == Version {
		return filepath.Join(home, "libs", "*")
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(cache, "weir", "kafka-"+version)
	if err := fetch(dir, version); err != nil {
		unavailable(t, err.Error())
	}
	return filepath.Join(dir, "*")
}

// fetch fills dir, once for all test processes that run at the same time. The directory appears by a rename: it is whole or not there.
func fetch(dir, version string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o750); err != nil {
		return err
	}
	lock, err := lockFile(dir + ".lock")
	if err != nil {
		return err
	}
	defer lock.Close()
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if _, err := exec.LookPath("mvn"); err != nil {
		return fmt.Errorf("mvn is missing and so are Kafka's jars: apt-get install maven, or set KAFKA_HOME to an unpacked Apache Kafka")
	}
	temp, err := os.MkdirTemp(filepath.Dir(dir), "fetching-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	if err := os.WriteFile(filepath.Join(temp, "pom.xml"), []byte(pom(version)), 0o640); err != nil {
		return err
	}
	mvn := exec.Command("mvn", "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory="+filepath.Join(temp, "libs"))
	mvn.Dir = temp
	if out, err := mvn.CombinedOutput(); err != nil {
		return fmt.Errorf("fetching Kafka %s from Maven Central: %w\n%s", version, err, out)
	}
	return os.Rename(filepath.Join(temp, "libs"), dir)
}

// lockFile waits until it alone has the lock; closing the file gives it back.
func lockFile(path string) (*os.File, error) {
	file, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		file.Close()
		return nil, fmt.Errorf("locking %s: %w", path, err)
	}
	return file, nil
}

// Java is a command that runs a class of Kafka's, such as org.apache.kafka.tools.consumer.ConsoleConsumer.
func Java(t testing.TB, class string, args ...string) *exec.Cmd {
	t.Helper()
	return java(t, Version, []string{"-Xmx256m"}, class, args...)
}

// java turns the optimising compiler off: tests are short, and it takes more CPU than it gives back.
func java(t testing.TB, version string, options []string, class string, args ...string) *exec.Cmd {
	t.Helper()
	if _, err := exec.LookPath("java"); err != nil {
		unavailable(t, "java is missing: apt-get install openjdk-17-jre-headless")
	}
	options = append(options, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", classpath(t, version), class)
	return exec.Command("java", append(options, args...)...)
}

// unavailable ends a test that can't have real Kafka here.
func unavailable(t testing.TB, reason string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("NO REAL KAFKA: %s", reason)
	}
	t.Skipf("NO REAL KAFKA: %s", reason)
}
