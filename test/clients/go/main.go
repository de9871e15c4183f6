// Round trip with franz-go: produces a known sequence of records to every partition of a topic, reads the partitions back
// by explicit offsets and prints what was lost, doubled or changed as one line of JSON. Run by foreign.test.ts.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

type outcome struct {
	Sent    int `json:"sent"`
	Read    int `json:"read"`
	Lost    int `json:"lost"`
	Doubled int `json:"doubled"`
	Changed int `json:"changed"`
}

const baseTimestampMs = 1_700_000_000_000

func codec(name string) kgo.CompressionCodec {
	switch name {
	case "gzip":
		return kgo.GzipCompression()
	case "snappy":
		return kgo.SnappyCompression()
	case "lz4":
		return kgo.Lz4Compression()
	case "zstd":
		return kgo.ZstdCompression()
	}
	return kgo.NoCompression()
}

func key(i int) string   { return fmt.Sprintf("key-%d", i) }
func value(i int) string { return fmt.Sprintf("value-%d-%0*d", i, i%90+1, i) }

func recordOf(topic string, i, partitions int) *kgo.Record {
	return &kgo.Record{
		Topic:     topic,
		Partition: int32(i % partitions),
		Key:       []byte(key(i)),
		Value:     []byte(value(i)),
		Timestamp: time.UnixMilli(baseTimestampMs + int64(i)),
		Headers:   []kgo.RecordHeader{{Key: "index", Value: []byte(fmt.Sprint(i))}, {Key: "empty", Value: []byte{}}},
	}
}

func isSame(r *kgo.Record, i int) bool {
	return string(r.Key) == key(i) && string(r.Value) == value(i) && r.Timestamp.UnixMilli() == baseTimestampMs+int64(i) &&
		len(r.Headers) == 2 && r.Headers[0].Key == "index" && string(r.Headers[0].Value) == fmt.Sprint(i) &&
		r.Headers[1].Key == "empty" && len(r.Headers[1].Value) == 0
}

func fail(what string, err error) {
	fmt.Fprintln(os.Stderr, what, err)
	os.Exit(1)
}

func produce(ctx context.Context, bootstrap, topic, codecName string, count, partitions int) int {
	client, err := kgo.NewClient(kgo.SeedBrokers(bootstrap), kgo.ProducerBatchCompression(codec(codecName)),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(5*time.Millisecond))
	if err != nil {
		fail("client", err)
	}
	defer client.Close()
	for i := 0; i < count; i++ {
		client.Produce(ctx, recordOf(topic, i, partitions), func(_ *kgo.Record, err error) {
			if err != nil {
				fail("produce", err)
			}
		})
	}
	if err := client.Flush(ctx); err != nil {
		fail("flush", err)
	}
	return count
}

func consume(ctx context.Context, bootstrap, topic string, count, partitions int) outcome {
	starts := map[int32]kgo.Offset{}
	for p := 0; p < partitions; p++ {
		starts[int32(p)] = kgo.NewOffset().AtStart()
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(bootstrap), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: starts}))
	if err != nil {
		fail("client", err)
	}
	defer client.Close()
	seen := make([]int, count)
	result := outcome{}
	for result.Read < count {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			fmt.Fprintln(os.Stderr, "consume", err)
			break
		}
		fetches.EachRecord(func(r *kgo.Record) {
			result.Read++
			i := -1
			if _, err := fmt.Sscanf(string(r.Key), "key-%d", &i); err != nil || i < 0 || i >= count || !isSame(r, i) {
				result.Changed++
				return
			}
			seen[i]++
		})
	}
	for _, times := range seen {
		if times == 0 {
			result.Lost++
		} else {
			result.Doubled += times - 1
		}
	}
	return result
}

func main() {
	bootstrap := flag.String("bootstrap", "", "host:port")
	topic := flag.String("topic", "", "topic")
	codecName := flag.String("codec", "none", "none, gzip, snappy, lz4 or zstd")
	count := flag.Int("count", 1000, "records")
	partitions := flag.Int("partitions", 1, "partitions of the topic")
	flag.Parse()
	ctx, cancel := context.WithTimeout(context.Background(), 120*time.Second)
	defer cancel()
	sent := produce(ctx, *bootstrap, *topic, *codecName, *count, *partitions)
	result := consume(ctx, *bootstrap, *topic, *count, *partitions)
	result.Sent = sent
	if err := json.NewEncoder(os.Stdout).Encode(result); err != nil {
		fail("encode", err)
	}
}
