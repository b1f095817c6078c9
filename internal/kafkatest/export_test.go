package kafkatest

var WithArchive = withArchive
