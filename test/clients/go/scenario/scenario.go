// What the scenario programs of the Go clients share: who owns which partition, what was processed, and the course of events
// of a group of three. The JSON is that of every client, see test/clients/common-scenarios.ts.
package scenario

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
)

const (
	Partitions         = 6
	Part               = 400
	TransactionRecords = 10
	deadline           = 60 * time.Second
)

// Partitions have one owner at a time; a record counts once, however often it is processed.
type Ledger struct {
	mutex       sync.Mutex
	owners      map[int32]string
	values      map[string]bool
	doubleOwned int
}

func NewLedger() *Ledger {
	return &Ledger{owners: map[int32]string{}, values: map[string]bool{}}
}

func (ledger *Ledger) Assigned(member string, partitions []int32) {
	ledger.mutex.Lock()
	defer ledger.mutex.Unlock()
	for _, partition := range partitions {
		if owner, isOwned := ledger.owners[partition]; isOwned && owner != member {
			ledger.doubleOwned++
		}
		ledger.owners[partition] = member
	}
}

func (ledger *Ledger) Revoked(member string, partitions []int32) {
	ledger.mutex.Lock()
	defer ledger.mutex.Unlock()
	for _, partition := range partitions {
		if ledger.owners[partition] == member {
			delete(ledger.owners, partition)
		}
	}
}

func (ledger *Ledger) Took(member string, partition int32, value string) {
	ledger.mutex.Lock()
	defer ledger.mutex.Unlock()
	if owner, isOwned := ledger.owners[partition]; isOwned && owner != member {
		ledger.doubleOwned++
	}
	ledger.values[value] = true
}

func (ledger *Ledger) Count() int {
	ledger.mutex.Lock()
	defer ledger.mutex.Unlock()
	return len(ledger.values)
}

func (ledger *Ledger) OwnedBy(members ...string) int {
	ledger.mutex.Lock()
	defer ledger.mutex.Unlock()
	count := 0
	for _, owner := range ledger.owners {
		for _, member := range members {
			if owner == member {
				count++
			}
		}
	}
	return count
}

func Until(what string, condition func() bool) {
	for end := time.Now().Add(deadline); !condition(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			Fail(fmt.Errorf("waited in vain: %s", what))
		}
	}
}

func Fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

type Group struct {
	Processed   int   `json:"processed"`
	Lost        int   `json:"lost"`
	DoubleOwned int   `json:"doubleOwned"`
	Committed   int64 `json:"committed"`
}

type Transactions struct {
	Committed    int  `json:"committed"`
	All          int  `json:"all"`
	Moved        int  `json:"moved"`
	OffsetsMoved bool `json:"offsetsMoved"`
}

type Admin struct {
	Partitions  int    `json:"partitions"`
	RetentionMs string `json:"retentionMs"`
	SegmentMs   string `json:"segmentMs"`
	Grown       int    `json:"grown"`
	GroupListed bool   `json:"groupListed"`
	GroupState  string `json:"groupState"`
	Gone        bool   `json:"gone"`
}

// RunGroup drives three members; start gives back what stops the member.
func RunGroup(produce func(first int), start func(name string, ledger *Ledger) func(), committed func() int64) Group {
	ledger := NewLedger()
	produce(0)
	stopOne := start("one", ledger)
	Until("the first member processes", func() bool { return ledger.Count() >= Part/4 })
	stopTwo := start("two", ledger)
	stopThree := start("three", ledger)
	Until("three members own something", func() bool { return ledger.OwnedBy("two") > 0 && ledger.OwnedBy("three") > 0 })
	produce(Part)
	Until("three members process everything", func() bool { return ledger.Count() == 2*Part })
	stopTwo()
	Until("two members own everything", func() bool { return ledger.OwnedBy("one", "three") == Partitions })
	produce(2 * Part)
	Until("two members process everything", func() bool { return ledger.Count() == 3*Part })
	stopOne()
	stopThree()
	lost := 0
	for i := 0; i < 3*Part; i++ {
		if !ledger.values[fmt.Sprint(i)] {
			lost++
		}
	}
	return Group{Processed: ledger.Count(), Lost: lost, DoubleOwned: ledger.doubleOwned, Committed: committed()}
}

func Finish(group Group, transactions Transactions, admin Admin) {
	admin.GroupState = strings.ToUpper(admin.GroupState)
	line, err := json.Marshal(map[string]any{"group": group, "transactions": transactions, "admin": admin})
	Fail(err)
	fmt.Println(string(line))
}
