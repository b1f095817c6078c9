// franz is franz-go's kgo and sr: franz produce|consume avro KAFKA REGISTRY TOPIC
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"

	"github.com/twmb/avro"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"
)

const event = `{"type":"record","name":"Event","namespace":"weir.test","fields":[{"name":"client","type":"string"},{"name":"n","type":"int"},` +
	`{"name":"price","type":{"type":"record","name":"Money","fields":[{"name":"currency","type":"string"},{"name":"units","type":"long"}]}}]}`

// Money is a price.
type Money struct {
	Currency string `avro:"currency" json:"currency"`
	Units    int64  `avro:"units" json:"units"`
}

// Event has its fields in the order of the alphabet, as the others print them.
type Event struct {
	Client string `avro:"client" json:"client"`
	N      int32  `avro:"n" json:"n"`
	Price  Money  `avro:"price" json:"price"`
}

func main() {
	if err := run(context.Background(), os.Args[1], os.Args[3], os.Args[4], os.Args[5]); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, verb, kafka, url, topic string) error {
	registry, err := sr.NewClient(sr.URLs(url))
	if err != nil {
		return err
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(kafka), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}}))
	if err != nil {
		return err
	}
	defer client.Close()
	if verb == "produce" {
		ss, err := registry.CreateSchema(ctx, topic+"-value", sr.Schema{Schema: event})
		if err != nil {
			return err
		}
		schema := avro.MustParse(event)
		for n := range 3 {
			e := Event{"franz-go", int32(n), Money{"EUR", int64(n)}}
			value, err := new(sr.ConfluentHeader).AppendEncode(nil, ss.ID, nil)
			if err != nil {
				return err
			}
			if value, err = schema.AppendEncode(value, &e); err != nil {
				return err
			}
			if err := client.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: value}).FirstErr(); err != nil {
				return err
			}
		}
		return nil
	}
	for {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return err
		}
		done := false
		fetches.EachPartition(func(p kgo.FetchTopicPartition) {
			for _, r := range p.Records {
				if err == nil {
					err = show(ctx, registry, r.Value)
				}
				done = r.Offset+1 >= p.HighWatermark
			}
		})
		if err != nil || done {
			return err
		}
	}
}

func show(ctx context.Context, registry *sr.Client, value []byte) error {
	id, rest, err := new(sr.ConfluentHeader).DecodeID(value)
	if err != nil {
		return err
	}
	text, err := registry.SchemaByID(ctx, id)
	if err != nil {
		return err
	}
	schema, err := avro.Parse(text.Schema)
	if err != nil {
		return err
	}
	var e Event
	if _, err := schema.Decode(rest, &e); err != nil {
		return err
	}
	line, err := json.Marshal(e)
	fmt.Println(string(line))
	return err
}
