// The common scenarios with franz-go: scenarios-franz BOOTSTRAP PREFIX classic|consumer
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"perfbroker/foreign/scenario"
)

var (
	bootstrap, prefix, protocol string
	admin                       *kadm.Client
	background                  = context.Background()
)

func client(more ...kgo.Opt) *kgo.Client {
	made, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(bootstrap), kgo.RecordPartitioner(kgo.ManualPartitioner())}, more...)...)
	scenario.Fail(err)
	return made
}

func create(topic string, partitions int32, configs map[string]*string) {
	_, err := admin.CreateTopic(background, partitions, 1, configs, topic)
	scenario.Fail(err)
}

func produce(first int) {
	producer := client()
	defer producer.Close()
	for i := first; i < first+scenario.Part; i++ {
		record := &kgo.Record{Topic: prefix + "-records", Partition: int32(i % scenario.Partitions), Value: []byte(fmt.Sprint(i))}
		producer.Produce(background, record, func(_ *kgo.Record, err error) { scenario.Fail(err) })
	}
	scenario.Fail(producer.Flush(background))
}

func start(name string, ledger *scenario.Ledger) func() {
	partitionsOf := func(topics map[string][]int32) []int32 { return topics[prefix+"-records"] }
	own := background
	if protocol == "consumer" {
		own = context.WithValue(background, "opt_in_kafka_next_gen_balancer_beta", true)
	}
	member := client(
		kgo.WithContext(own),
		kgo.ConsumerGroup(prefix+"-group"),
		kgo.ConsumeTopics(prefix+"-records"),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.DisableAutoCommit(),
		kgo.BlockRebalanceOnPoll(),
		kgo.HeartbeatInterval(300*time.Millisecond),
		kgo.SessionTimeout(10*time.Second),
		kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, topics map[string][]int32) {
			ledger.Assigned(name, partitionsOf(topics))
		}),
		kgo.OnPartitionsRevoked(func(_ context.Context, _ *kgo.Client, topics map[string][]int32) {
			ledger.Revoked(name, partitionsOf(topics))
		}),
	)
	stopping, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stopping:
				member.AllowRebalance()
				member.Close()
				return
			default:
			}
			poll, cancel := context.WithTimeout(background, 100*time.Millisecond)
			fetches := member.PollRecords(poll, 50)
			cancel()
			fetches.EachRecord(func(record *kgo.Record) { ledger.Took(name, record.Partition, string(record.Value)) })
			if fetches.NumRecords() > 0 {
				scenario.Fail(member.CommitRecords(background, fetches.Records()...))
			}
			member.AllowRebalance()
		}
	}()
	return func() {
		close(stopping)
		<-stopped
	}
}

func committed() int64 {
	offsets, err := admin.FetchOffsets(background, prefix+"-group")
	scenario.Fail(err)
	sum := int64(0)
	offsets.Each(func(one kadm.OffsetResponse) { sum += one.At })
	return sum
}

func read(topic string, isolation kgo.IsolationLevel) int {
	ends, err := admin.ListEndOffsets(background, topic)
	scenario.Fail(err)
	end, _ := ends.Lookup(topic, 0)
	reader := client(
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}}),
		kgo.FetchIsolationLevel(isolation),
		kgo.KeepControlRecords(),
	)
	defer reader.Close()
	seen := 0
	for at := int64(0); at < end.Offset; {
		reader.PollFetches(background).EachRecord(func(record *kgo.Record) {
			at = record.Offset + 1
			if !record.Attrs.IsControl() {
				seen++
			}
		})
	}
	return seen
}

func transactions() scenario.Transactions {
	source, target := prefix+"-source", prefix+"-target"
	create(source, 1, nil)
	create(target, 1, nil)
	producer := client(kgo.TransactionalID(prefix + "-transactions"))
	for _, end := range []kgo.TransactionEndTry{kgo.TryCommit, kgo.TryAbort, kgo.TryCommit} {
		scenario.Fail(producer.BeginTransaction())
		for i := 0; i < scenario.TransactionRecords; i++ {
			producer.Produce(background, &kgo.Record{Topic: source, Value: []byte(fmt.Sprint(i))}, nil)
		}
		scenario.Fail(producer.Flush(background))
		scenario.Fail(producer.EndTransaction(background, end))
	}
	producer.Close()
	// Read, process, write: the offsets of the reader go with the transaction.
	session, err := kgo.NewGroupTransactSession(
		kgo.SeedBrokers(bootstrap),
		kgo.TransactionalID(prefix+"-transactions"),
		kgo.ConsumerGroup(prefix+"-movers"),
		kgo.ConsumeTopics(source),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.RequireStableFetchOffsets(),
	)
	scenario.Fail(err)
	for moved := 0; moved < 2*scenario.TransactionRecords; {
		fetches := session.PollFetches(background)
		scenario.Fail(session.Begin())
		fetches.EachRecord(func(record *kgo.Record) {
			moved++
			session.Produce(background, &kgo.Record{Topic: target, Value: record.Value}, nil)
		})
		isCommitted, err := session.End(background, kgo.TryCommit)
		scenario.Fail(err)
		if !isCommitted {
			scenario.Fail(fmt.Errorf("the move was not committed"))
		}
	}
	session.Close()
	scenario.Until("the offsets have moved", func() bool {
		offsets, err := admin.FetchOffsets(background, prefix+"-movers")
		if err != nil {
			return false
		}
		offset, isThere := offsets.Lookup(source, 0)
		return isThere && offset.At >= 3*scenario.TransactionRecords+1
	})
	return scenario.Transactions{
		Committed:    read(source, kgo.ReadCommitted()),
		All:          read(source, kgo.ReadUncommitted()),
		Moved:        read(target, kgo.ReadCommitted()),
		OffsetsMoved: true,
	}
}

func administration() scenario.Admin {
	topic, group := prefix+"-admin", prefix+"-group"
	create(topic, 3, map[string]*string{"retention.ms": kadm.StringPtr("60000")})
	partitionsOf := func() int {
		topics, err := admin.ListTopics(background, topic)
		if err != nil {
			return 0
		}
		return len(topics[topic].Partitions)
	}
	valueOf := func(name string) string {
		found, err := admin.DescribeTopicConfigs(background, topic)
		scenario.Fail(err)
		for _, config := range found[0].Configs {
			if config.Key == name {
				return config.MaybeValue()
			}
		}
		return ""
	}
	scenario.Until("the topic is there", func() bool { return partitionsOf() > 0 })
	partitions := partitionsOf()
	change := []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "segment.ms", Value: kadm.StringPtr("120000")}}
	_, err := admin.AlterTopicConfigs(background, change, topic)
	scenario.Fail(err)
	scenario.Until("the setting is changed", func() bool { return valueOf("segment.ms") == "120000" })
	retention := valueOf("retention.ms")
	_, err = admin.UpdatePartitions(background, 5, topic)
	scenario.Fail(err)
	scenario.Until("five partitions", func() bool { return partitionsOf() == 5 })
	groups, err := admin.ListGroups(background)
	scenario.Fail(err)
	_, isListed := groups[group]
	state := groups[group].State
	_, err = admin.DeleteGroup(background, group)
	scenario.Fail(err)
	_, err = admin.DeleteTopic(background, topic)
	scenario.Fail(err)
	scenario.Until("the topic is gone", func() bool { return partitionsOf() == 0 })
	return scenario.Admin{
		Partitions: partitions, RetentionMs: retention, SegmentMs: "120000", Grown: 5,
		GroupListed: isListed, GroupState: state, Gone: true,
	}
}

func main() {
	bootstrap, prefix, protocol = os.Args[1], os.Args[2], os.Args[3]
	admin = kadm.NewClient(client())
	defer admin.Close()
	create(prefix+"-records", scenario.Partitions, nil)
	group := scenario.RunGroup(produce, start, committed)
	scenario.Finish(group, transactions(), administration())
}
