// SPDX-License-Identifier: Apache-2.0
#include <bpf/bpf.h>
#include <gtest/gtest.h>
#include <unistd.h>
#include <vmleak/ledger_abi.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "bpf/handles.h"
#include "ledger_unit.skel.h"

namespace vmleak {
namespace {

constexpr auto kMm = VMLEAK_LEDGER_MM_VHOST;
constexpr auto kVm = VMLEAK_LEDGER_KVM_VM_FILE;

struct Token {
  std::uint64_t first = 0;
  std::uint64_t second = 0;
};

class LedgerFunctions : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "loading BPF programs needs root";
    load(64);
  }

  void load(std::uint32_t capacity) {
    skeleton_.reset(ledger_unit_bpf::open());
    ASSERT_TRUE(skeleton_);
    bpf_map__set_max_entries(skeleton_->maps.ledger, capacity);
    ASSERT_EQ(ledger_unit_bpf::load(skeleton_.get()), 0);
  }

  static int run(bpf_program* program, vmleak_ledger_class cls, Token token,
                 std::uint64_t extra = 0) {
    std::array<std::uint64_t, 4> arguments{token.first, token.second, cls, extra};
    LIBBPF_OPTS(bpf_test_run_opts, options, .ctx_in = arguments.data(),
                .ctx_size_in = sizeof(arguments));
    EXPECT_EQ(bpf_prog_test_run_opts(bpf_program__fd(program), &options), 0)
        << bpf_program__name(program);
    return static_cast<int>(options.retval);
  }

  void set_count(vmleak_ledger_class cls, int references) const {
    run(skeleton_->progs.unit__count, cls, {}, static_cast<std::uint64_t>(references));
  }
  void take(vmleak_ledger_class cls, Token token) const {
    run(skeleton_->progs.unit__take, cls, token);
  }
  // As fentry and fexit see a function that leaves `references` on the counter.
  void drop(vmleak_ledger_class cls, Token token, int references) const {
    run(skeleton_->progs.unit__begin_drop, cls, token);
    set_count(cls, references);
    run(skeleton_->progs.unit__end_drop, cls, token);
  }

  struct Row {
    vmleak_ledger_key key;
    vmleak_ledger_entry entry;
  };
  [[nodiscard]] std::vector<Row> rows() const {
    std::vector<Row> found;
    Row row{};
    const vmleak_ledger_key* previous = nullptr;
    vmleak_ledger_key key{};
    while (bpf_map__get_next_key(skeleton_->maps.ledger, previous, &key, sizeof(key)) == 0) {
      row.key = key;
      bpf_map__lookup_elem(skeleton_->maps.ledger, &key, sizeof(key), &row.entry, sizeof(row.entry),
                           0);
      found.push_back(row);
      previous = &key;
    }
    return found;
  }
  [[nodiscard]] std::uint64_t count(vmleak_ledger_count what) const {
    const std::uint32_t key = what;
    std::uint64_t value = 0;
    bpf_map__lookup_elem(skeleton_->maps.counts, &key, sizeof(key), &value, sizeof(value), 0);
    return value;
  }

  Skeleton<ledger_unit_bpf> skeleton_;
};

TEST_F(LedgerFunctions, ATakeSaysWhoWhenAndHowMany) {
  set_count(kMm, 3);
  take(kMm, {1});
  ASSERT_EQ(rows().size(), 1U);
  const auto entry = rows()[0].entry;
  EXPECT_EQ(entry.state, VMLEAK_ENTRY_OUT);
  EXPECT_EQ(entry.references, 1U);
  EXPECT_EQ(entry.counter, 3);
  EXPECT_EQ(entry.taken.tgid, static_cast<std::uint32_t>(::getpid()));
  EXPECT_STREQ(entry.taken.comm, "bpf_unit");
  EXPECT_GT(entry.taken.time_ns, 0U);
  EXPECT_GT(entry.stack_depth, 0U);
  EXPECT_NE(entry.stack[0], 0U);
}

TEST_F(LedgerFunctions, ADropLeavesNothing) {
  set_count(kMm, 2);
  take(kMm, {1});
  drop(kMm, {1}, 1);
  EXPECT_TRUE(rows().empty());
  EXPECT_EQ(count(VMLEAK_COUNT_TAKES), 1U);
  EXPECT_EQ(count(VMLEAK_COUNT_DROPS), 1U);
}

TEST_F(LedgerFunctions, TwoTakesAndOneDropLeaveTheRightOne) {
  set_count(kMm, 3);
  take(kMm, {1});
  take(kMm, {2});
  drop(kMm, {1}, 2);
  ASSERT_EQ(rows().size(), 1U);
  EXPECT_EQ(rows()[0].key.token[0], 2U);
  EXPECT_EQ(rows()[0].entry.state, VMLEAK_ENTRY_OUT);
}

TEST_F(LedgerFunctions, ADropThatGivesNothingBackIsKeptAsForgotten) {
  set_count(kMm, 2);
  take(kMm, {1});
  drop(kMm, {1}, 2);
  ASSERT_EQ(rows().size(), 1U);
  EXPECT_EQ(rows()[0].entry.state, VMLEAK_ENTRY_FORGOTTEN);
  EXPECT_EQ(rows()[0].entry.dropped.tgid, static_cast<std::uint32_t>(::getpid()));

  // The next one with the same tokens is another's, and its drop is seen.
  take(kMm, {1});
  EXPECT_EQ(rows().size(), 2U);
  drop(kMm, {1}, 1);
  ASSERT_EQ(rows().size(), 1U);
  EXPECT_EQ(rows()[0].entry.state, VMLEAK_ENTRY_FORGOTTEN);
  EXPECT_EQ(count(VMLEAK_COUNT_REPLACED), 0U);
}

TEST_F(LedgerFunctions, WithoutTheEntryHookADropIsTakenForDone) {
  set_count(kMm, 2);
  take(kMm, {1});
  run(skeleton_->progs.unit__drop, kMm, {1});
  EXPECT_TRUE(rows().empty());
}

TEST_F(LedgerFunctions, ADropOfWhatWasNeverSeenIsNothing) {
  set_count(kMm, 2);
  drop(kMm, {1}, 2);
  EXPECT_TRUE(rows().empty());
  EXPECT_EQ(count(VMLEAK_COUNT_DROPS), 0U);
}

TEST_F(LedgerFunctions, SeveralReferencesOfOneTokenAreCounted) {
  set_count(kMm, 4);
  run(skeleton_->progs.unit__take_more, kMm, {1}, 2);
  run(skeleton_->progs.unit__take_more, kMm, {1}, 1);
  ASSERT_EQ(rows().size(), 1U);
  EXPECT_EQ(rows()[0].entry.references, 3U);
  drop(kMm, {1}, 3);
  ASSERT_EQ(rows().size(), 1U);
  EXPECT_EQ(rows()[0].entry.references, 2U);
  drop(kMm, {1}, 2);
  drop(kMm, {1}, 1);
  EXPECT_TRUE(rows().empty());
}

TEST_F(LedgerFunctions, OfSeveralReferencesTheForgottenOneIsKeptApart) {
  set_count(kMm, 3);
  run(skeleton_->progs.unit__take_more, kMm, {1}, 2);
  drop(kMm, {1}, 3);
  ASSERT_EQ(rows().size(), 2U);
  const auto all = rows();
  EXPECT_EQ(std::count_if(all.begin(), all.end(),
                          [](const Row& row) {
                            return row.entry.state == VMLEAK_ENTRY_FORGOTTEN &&
                                   row.entry.references == 1;
                          }),
            1);
}

TEST_F(LedgerFunctions, ATokenThatComesBackIsAnotherReference) {
  set_count(kMm, 2);
  take(kMm, {1});
  take(kMm, {1});
  ASSERT_EQ(rows().size(), 1U);
  EXPECT_EQ(count(VMLEAK_COUNT_REPLACED), 1U);
}

TEST_F(LedgerFunctions, WhatIsSeededNeverOverwritesWhatAHookSaw) {
  set_count(kMm, 2);
  take(kMm, {1});
  EXPECT_EQ(run(skeleton_->progs.unit__seed, kMm, {1}), 0);
  EXPECT_EQ(run(skeleton_->progs.unit__seed, kMm, {2}), 1);
  for (const auto& row : rows()) {
    EXPECT_EQ(row.entry.state, row.key.token[0] == 1 ? VMLEAK_ENTRY_OUT : VMLEAK_ENTRY_PREEXISTING);
  }
  EXPECT_EQ(rows().size(), 2U);
}

TEST_F(LedgerFunctions, AFullLedgerCountsWhatItCouldNotKeep) {
  load(8);
  set_count(kMm, 60);
  for (std::uint64_t i = 1; i <= 50; ++i) take(kMm, {i});
  EXPECT_EQ(rows().size() + count(VMLEAK_COUNT_OVERFLOW) + count(VMLEAK_COUNT_REFUSED), 50U);
  EXPECT_GE(count(VMLEAK_COUNT_OVERFLOW), 42U - 8U);
  EXPECT_LE(rows().size(), 8U + 8U);
}

TEST_F(LedgerFunctions, EveryLifeOfAVmsAddressHasItsGeneration) {
  set_count(kVm, 1);
  take(kVm, {1});
  take(kVm, {2});
  const auto first = rows();
  ASSERT_EQ(first.size(), 2U);
  EXPECT_NE(first[0].entry.generation, 0U);
  EXPECT_EQ(first[0].entry.generation, first[1].entry.generation);

  run(skeleton_->progs.unit__destroy, kVm, {});
  take(kVm, {3});
  for (const auto& row : rows()) {
    if (row.key.token[0] == 3) {
      EXPECT_NE(row.entry.generation, first[0].entry.generation);
    }
  }
}

// The last put destroys the VM inside the function that drops it: what its
// memory says afterwards means nothing.
TEST_F(LedgerFunctions, ADropThatEndsTheVmIsNotForgotten) {
  set_count(kVm, 1);
  take(kVm, {1});
  run(skeleton_->progs.unit__begin_drop, kVm, {1});
  run(skeleton_->progs.unit__destroy, kVm, {});
  run(skeleton_->progs.unit__end_drop, kVm, {1});
  EXPECT_TRUE(rows().empty());
}

TEST_F(LedgerFunctions, AHoldersReferencesAreDroppedTogether) {
  set_count(kMm, 5);
  take(kMm, {7, 1});
  take(kMm, {7, 2});
  take(kMm, {8, 1});
  run(skeleton_->progs.unit__begin_drop_all, kMm, {7});
  set_count(kMm, 3);
  run(skeleton_->progs.unit__end_drop_all, kMm, {7});
  ASSERT_EQ(rows().size(), 1U);
  EXPECT_EQ(rows()[0].key.token[0], 8U);
}

}  // namespace
}  // namespace vmleak
