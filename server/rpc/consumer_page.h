// One page of ListConsumers: the named consumers by name, then the streams of none in the order in
// which they were opened.
//
// Threads: any; may wait for a disk.
// Errors:  INVALID_ARGUMENT; of Store.

#ifndef INCIDENTHUB_SERVER_RPC_CONSUMER_PAGE_H_
#define INCIDENTHUB_SERVER_RPC_CONSUMER_PAGE_H_

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "incidenthub/v1/consumer_service.pb.h"
#include "server/domain/generation.h"
#include "server/domain/ids.h"
#include "server/fanout/live_subscriptions.h"
#include "server/store/consumers.h"
#include "server/store/store.h"

namespace incidenthub {

// Where a page is read from. All outlive the reading.
struct ConsumerPageSource {
  const Consumers* consumers = nullptr;
  const LiveSubscriptions* live = nullptr;
  const Store* store = nullptr;
  const Generations* generations = nullptr;
  // As SubscribeResponse.Opened.floor_sequence.
  Sequence floor = 0;
};

absl::Status ReadConsumerPage(const ConsumerPageSource& source,
                              const v1::ListConsumersRequest& request, absl::Time now,
                              v1::ListConsumersResponse* response);

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_RPC_CONSUMER_PAGE_H_
