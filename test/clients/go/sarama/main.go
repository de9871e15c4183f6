// The common scenarios with sarama: scenarios-sarama BOOTSTRAP PREFIX
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/IBM/sarama"

	"perfbroker/foreign/scenario"
)

var (
	bootstrap []string
	prefix    string
	admin     sarama.ClusterAdmin
)

func config() *sarama.Config {
	made := sarama.NewConfig()
	made.Version = sarama.MaxVersion
	made.Producer.Return.Successes = true
	made.Producer.Partitioner = sarama.NewManualPartitioner
	made.Consumer.Offsets.Initial = sarama.OffsetOldest
	made.Consumer.Offsets.AutoCommit.Enable = false
	made.Consumer.Group.Session.Timeout = 10 * time.Second
	made.Consumer.Group.Heartbeat.Interval = 300 * time.Millisecond
	return made
}

func create(topic string, partitions int32, entries map[string]*string) {
	detail := &sarama.TopicDetail{NumPartitions: partitions, ReplicationFactor: 1, ConfigEntries: entries}
	scenario.Fail(admin.CreateTopic(topic, detail, false))
}

func produce(first int) {
	producer, err := sarama.NewSyncProducer(bootstrap, config())
	scenario.Fail(err)
	defer producer.Close()
	messages := make([]*sarama.ProducerMessage, 0, scenario.Part)
	for i := first; i < first+scenario.Part; i++ {
		messages = append(messages, &sarama.ProducerMessage{
			Topic: prefix + "-records", Partition: int32(i % scenario.Partitions), Value: sarama.StringEncoder(fmt.Sprint(i)),
		})
	}
	scenario.Fail(producer.SendMessages(messages))
}

type member struct {
	name   string
	ledger *scenario.Ledger
}

func (one *member) Setup(session sarama.ConsumerGroupSession) error {
	one.ledger.Assigned(one.name, session.Claims()[prefix+"-records"])
	return nil
}

func (one *member) Cleanup(session sarama.ConsumerGroupSession) error {
	session.Commit()
	one.ledger.Revoked(one.name, session.Claims()[prefix+"-records"])
	return nil
}

func (one *member) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for {
		select {
		case message, isOpen := <-claim.Messages():
			if !isOpen {
				return nil
			}
			one.ledger.Took(one.name, message.Partition, string(message.Value))
			session.MarkMessage(message, "")
		case <-time.After(50 * time.Millisecond):
			session.Commit()
		case <-session.Context().Done():
			return nil
		}
	}
}

func start(name string, ledger *scenario.Ledger) func() {
	group, err := sarama.NewConsumerGroup(bootstrap, prefix+"-group", config())
	scenario.Fail(err)
	stopping, stop := context.WithCancel(context.Background())
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		for stopping.Err() == nil {
			scenario.Fail(group.Consume(stopping, []string{prefix + "-records"}, &member{name, ledger}))
		}
		scenario.Fail(group.Close())
	}()
	return func() {
		stop()
		<-stopped
	}
}

func committed() int64 {
	answer, err := admin.ListConsumerGroupOffsets(prefix+"-group", nil)
	scenario.Fail(err)
	sum := int64(0)
	for _, block := range answer.Blocks[prefix+"-records"] {
		sum += block.Offset
	}
	return sum
}

// sarama shows no position behind the last record, so the number of records that must come is given.
func read(topic string, isolation sarama.IsolationLevel, wanted int) int {
	settings := config()
	settings.Consumer.IsolationLevel = isolation
	consumer, err := sarama.NewConsumer(bootstrap, settings)
	scenario.Fail(err)
	defer consumer.Close()
	partition, err := consumer.ConsumePartition(topic, 0, sarama.OffsetOldest)
	scenario.Fail(err)
	defer partition.Close()
	seen := 0
	for {
		wait := 20 * time.Second
		if seen >= wanted {
			wait = time.Second
		}
		select {
		case <-partition.Messages():
			seen++
		case <-time.After(wait):
			return seen
		}
	}
}

func transactions() scenario.Transactions {
	source, target := prefix+"-source", prefix+"-target"
	create(source, 1, nil)
	create(target, 1, nil)
	settings := config()
	settings.Producer.Idempotent = true
	settings.Producer.RequiredAcks = sarama.WaitForAll
	settings.Producer.Transaction.ID = prefix + "-transactions"
	settings.Net.MaxOpenRequests = 1
	producer, err := sarama.NewSyncProducer(bootstrap, settings)
	scenario.Fail(err)
	for _, isCommitted := range []bool{true, false, true} {
		scenario.Fail(producer.BeginTxn())
		for i := 0; i < scenario.TransactionRecords; i++ {
			_, _, err := producer.SendMessage(&sarama.ProducerMessage{Topic: source, Value: sarama.StringEncoder(fmt.Sprint(i))})
			scenario.Fail(err)
		}
		if isCommitted {
			scenario.Fail(producer.CommitTxn())
		} else {
			scenario.Fail(producer.AbortTxn())
		}
	}
	// Read, process, write: the offsets of the reader go with the transaction.
	reading := config()
	reading.Consumer.IsolationLevel = sarama.ReadCommitted
	consumer, err := sarama.NewConsumer(bootstrap, reading)
	scenario.Fail(err)
	partition, err := consumer.ConsumePartition(source, 0, sarama.OffsetOldest)
	scenario.Fail(err)
	scenario.Fail(producer.BeginTxn())
	last := int64(0)
	for moved := 0; moved < 2*scenario.TransactionRecords; moved++ {
		message := <-partition.Messages()
		last = message.Offset
		_, _, err := producer.SendMessage(&sarama.ProducerMessage{Topic: target, Value: sarama.ByteEncoder(message.Value)})
		scenario.Fail(err)
	}
	offsets := []*sarama.PartitionOffsetMetadata{{Partition: 0, Offset: last + 1}}
	scenario.Fail(producer.AddOffsetsToTxn(map[string][]*sarama.PartitionOffsetMetadata{source: offsets}, prefix+"-movers"))
	scenario.Fail(producer.CommitTxn())
	scenario.Fail(partition.Close())
	scenario.Fail(consumer.Close())
	scenario.Fail(producer.Close())
	scenario.Until("the offsets have moved", func() bool {
		answer, err := admin.ListConsumerGroupOffsets(prefix+"-movers", nil)
		return err == nil && answer.GetBlock(source, 0) != nil && answer.GetBlock(source, 0).Offset == last+1
	})
	return scenario.Transactions{
		Committed:    read(source, sarama.ReadCommitted, 2*scenario.TransactionRecords),
		All:          read(source, sarama.ReadUncommitted, 3*scenario.TransactionRecords),
		Moved:        read(target, sarama.ReadCommitted, 2*scenario.TransactionRecords),
		OffsetsMoved: true,
	}
}

func administration() scenario.Admin {
	topic, group := prefix+"-admin", prefix+"-group"
	retention, segment := "60000", "120000"
	create(topic, 3, map[string]*string{"retention.ms": &retention})
	partitionsOf := func() int {
		found, err := admin.DescribeTopics([]string{topic})
		if err != nil || found[0].Err != sarama.ErrNoError {
			return 0
		}
		return len(found[0].Partitions)
	}
	valueOf := func(name string) string {
		found, err := admin.DescribeConfig(sarama.ConfigResource{Type: sarama.TopicResource, Name: topic, ConfigNames: []string{name}})
		if err != nil || len(found) == 0 {
			return ""
		}
		return found[0].Value
	}
	scenario.Until("the topic is there", func() bool { return partitionsOf() > 0 })
	partitions := partitionsOf()
	change := map[string]sarama.IncrementalAlterConfigsEntry{"segment.ms": {Operation: sarama.IncrementalAlterConfigsOperationSet, Value: &segment}}
	scenario.Fail(admin.IncrementalAlterConfig(sarama.TopicResource, topic, change, false))
	scenario.Until("the setting is changed", func() bool { return valueOf("segment.ms") == segment })
	kept := valueOf("retention.ms")
	scenario.Fail(admin.CreatePartitions(topic, 5, nil, false))
	scenario.Until("five partitions", func() bool { return partitionsOf() == 5 })
	groups, err := admin.ListConsumerGroups()
	scenario.Fail(err)
	_, isListed := groups[group]
	described, err := admin.DescribeConsumerGroups([]string{group})
	scenario.Fail(err)
	scenario.Fail(admin.DeleteConsumerGroup(group))
	scenario.Fail(admin.DeleteTopic(topic))
	scenario.Until("the topic is gone", func() bool { return partitionsOf() == 0 })
	return scenario.Admin{
		Partitions: partitions, RetentionMs: kept, SegmentMs: segment, Grown: 5,
		GroupListed: isListed, GroupState: described[0].State, Gone: true,
	}
}

func main() {
	bootstrap, prefix = []string{os.Args[1]}, os.Args[2]
	made, err := sarama.NewClusterAdmin(bootstrap, config())
	scenario.Fail(err)
	admin = made
	defer admin.Close()
	create(prefix+"-records", scenario.Partitions, nil)
	group := scenario.RunGroup(produce, start, committed)
	scenario.Finish(group, transactions(), administration())
}
