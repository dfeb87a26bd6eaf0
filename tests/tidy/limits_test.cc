// Every bound is written down for those who run into it, and proved by a test; this table says
// where.
//
// A bound is a constant of server/, gateway/ or common/ whose name ends in Max or Min, or an
// option's default that ends in _max. A new one needs a row here.

#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"

namespace incidenthub {
namespace {

constexpr char kHub[] = "README.md";
constexpr char kGateway[] = "gateway/README.md";
// A bound that nobody outside can meet: the next column says why instead of a row.
constexpr char kInside[] = "";

struct Limit {
  // The file and the constant.
  std::string constant;
  // Where it is written down, and a part of the table's row.
  std::string document;
  std::string row;
  // What proves it: the file, and the test's name in it.
  std::string test_file;
  std::string test;
};

const std::vector<Limit>& Limits() {
  static const auto* const kTable = new std::vector<Limit>{
      {"common/logging.h kLogQueueLinesMax", kInside, "the logging library's own queue", "", ""},
      {"common/source_counts.h kSourcesCountedMax", kHub, "sources with counts of their own",
       "tests/common/source_counts_test.cc", "SourcesAfterTheFirst64AreCountedTogether"},
      {"common/source_counts.h kSourceCountedBytesMax", kInside, "longer than a source can be",
       "tests/common/source_counts_test.cc", "WhatNoSourceCanBeCalledIsOfTheOthers"},
      {"gateway/request_ids.h kRequestIdBytesMax", kGateway, "`X-Request-Id`",
       "tests/gateway/request_ids_test.cc", "WhatIsNoIdGetsANewOne"},
      {"common/strings.h kEchoBytesMax", kInside, "only shortens what an error repeats",
       "tests/common/strings_test.cc", "CutsLongTextAtAUtf8Boundary"},

      {"server/domain/validate.h kIncidentIdBytesMax", kHub, "incident id, actor, note",
       "tests/domain/validate_test.cc", "TakesOneTo512Bytes"},
      {"server/domain/validate.h kActorBytesMax", kHub, "incident id, actor, note",
       "tests/domain/validate_test.cc", "AckHasItsBounds"},
      {"server/domain/validate.h kNoteBytesMax", kHub, "incident id, actor, note",
       "tests/domain/validate_test.cc", "ResolveHasItsBounds"},
      {"server/domain/validate.h kRequestIdBytesMax", kHub, "`request_id`",
       "tests/domain/validate_test.cc", "AckHasItsBounds"},
      {"server/domain/validate.h kSourceBytesMax", kHub, "a delivery's source; its digest",
       "tests/domain/validate_test.cc", "SourceHasOneTo64Bytes"},
      {"server/domain/validate.h kSourceKindBytesMax", kHub, "a quarantined body's reason",
       "tests/domain/validate_test.cc", "TheKindOfAnUnmappedBodyHasAtMost64Bytes"},
      {"server/domain/validate.h kDigestBytesMin", kHub, "a delivery's source; its digest",
       "tests/domain/validate_test.cc", "DigestHas16To32Bytes"},
      {"server/domain/validate.h kDigestBytesMax", kHub, "a delivery's source; its digest",
       "tests/domain/validate_test.cc", "DigestHas16To32Bytes"},
      {"server/domain/validate.h kConsumerBytesMax", kHub, "named consumers; bytes of a name",
       "tests/domain/validate_test.cc", "TakesOneTo128LettersDigitsAndMarks"},
      {"common/hub_credentials.h kTokenFileBytesMax", kHub, "files of a client's",
       "tests/common/hub_credentials_test.cc", "FilesAreBounded"},
      {"common/hub_credentials.h kPemFileBytesMax", kHub, "files of a client's",
       "tests/common/hub_credentials_test.cc", "FilesAreBounded"},
      {"server/access/access_list.h kAccessFileBytesMax", kHub, "principals in `--access_config`",
       "tests/access/access_test.cc", "AFileThatIsOfNoUseIsAnErrorThatNamesIt"},
      {"server/access/access_list.h kPrincipalsMax", kHub, "principals in `--access_config`",
       "tests/access/access_list_test.cc", "PrincipalsAndWhatEachHasAreBounded"},
      {"server/access/access_list.h kPrincipalNameBytesMax", kHub, "a principal's name; its tokens",
       "tests/access/access_list_test.cc", "PrincipalsAndWhatEachHasAreBounded"},
      {"server/access/access_list.h kTokensPerPrincipalMax", kHub, "a principal's name; its tokens",
       "tests/access/access_list_test.cc", "PrincipalsAndWhatEachHasAreBounded"},
      {"server/access/access_list.h kCertificateNamesPerPrincipalMax", kHub,
       "a principal's name; its tokens", "tests/access/access_list_test.cc",
       "PrincipalsAndWhatEachHasAreBounded"},
      {"server/access/access_list.h kCertificateNameBytesMax", kHub,
       "a principal's name; its tokens", "tests/access/access_list_test.cc",
       "PrincipalsAndWhatEachHasAreBounded"},
      {"server/access/access.cc kTokenBytesMax", kHub, "a token that a caller sends",
       "tests/access/access_test.cc", "WhatIsNoneOfItsTokensIsRefusedWithoutAWordOfIt"},
      {"server/store/consumers.h kConsumersMax", kHub, "named consumers; bytes of a name",
       "tests/store/consumers_test.cc", "PastTheirBoundNoMoreAreMadeUntilOneIsDeleted"},
      {"server/rpc/commit_queue.h kCommitsQueuedMax", kHub, "commits waiting",
       "tests/rpc/commit_queue_test.cc",
       "PastItsBoundCommitsAreRefusedAndTheOthersAnsweredInTheirOrder"},
      {"server/rpc/commit_queue.h kCommitsWrittenMax", kInside, "what waits longer is written next",
       "tests/rpc/commit_queue_test.cc", "WhatWaitsIsWrittenWithOneSync"},
      {"server/metrics.h kConsumersMeasuredMax", kHub, "consumers with a lag metric of their own",
       "tests/rpc/server_test.cc",
       "TheFirstHundredConsumersHaveALagMetricAndTheGreatestLagIsOverAll"},
      {"server/domain/validate.h kEventBytesMax", kHub, "an event, encoded",
       "tests/core/sequencer_test.cc", "AnEventThatIsTooLargeIsRefusedInItsPlace"},
      {"server/domain/validate.cc kSecondsMin", kInside, "the range of a Timestamp",
       "tests/domain/validate_test.cc", "AnExpireTimeIsATime"},
      {"server/domain/validate.cc kSecondsMax", kInside, "the range of a Timestamp",
       "tests/domain/validate_test.cc", "AnExpireTimeIsATime"},
      {"server/domain/validate.cc kNanosMax", kInside, "the range of a Timestamp",
       "tests/domain/validate_test.cc", "AnExpireTimeIsATime"},
      {"server/domain/lifecycle.h kAckExpiryMax", kHub, "`expire_time` of an Ack",
       "tests/domain/lifecycle_expiry_test.cc", "ItEndsAfterNowAndWithin31Days"},
      {"server/domain/lifecycle.h kNewestDigestsMax", kHub, "deliveries recognised as repeats",
       "tests/domain/lifecycle_test.cc", "kNewestDigestsMax"},
      {"server/domain/lifecycle.h kOlderDigestsMax", kHub, "deliveries recognised as repeats",
       "tests/domain/lifecycle_test.cc", "kOlderDigestsMax"},
      {"server/domain/generation.h kGenerationsMax", kHub,
       "starts that resume tokens are known from", "tests/log/local_event_log_test.cc",
       "OldGenerationsAreForgottenPastTheBoundAndNoneBefore"},
      {"server/domain/request_id.h kRequestIdsMax", kHub, "requests remembered by their id",
       "tests/store/request_ids_test.cc", "PastItsBoundTheOldestLeave"},
      {"server/domain/matcher.h kMatchersMax", kHub, "matchers of a request",
       "tests/domain/matcher_test.cc", "TooManyAreRefusedAndTheMostAreNot"},
      {"server/domain/matcher.h kMatcherBytesMax", kHub, "matchers of a request",
       "tests/domain/matcher_test.cc", "AMatcherAtTheBoundIsTaken"},
      {"server/domain/matcher.h kExpressionBytesMax", kHub, "matchers of a request",
       "tests/domain/matcher_test.cc", "NamesTheFieldThePositionAndWhatWasExpected"},
      {"server/store/event_trimmer.h bytes_max", kHub, "events replaced by newer ones",
       "tests/core/retention_test.cc", "TheOldestGoBeforeTheirTimeWhileThereAreTooManyBytes"},
      {"server/core/sequencer.h queue_commands_max", kHub, "commands waiting",
       "tests/core/sequencer_refusal_test.cc", "PastItsCommandsTheQueueIsFull"},
      {"server/core/sequencer.h queue_bytes_max", kHub, "commands waiting",
       "tests/core/sequencer_refusal_test.cc", "PastItsBytesTheQueueIsFull"},
      {"server/core/sequencer.h batch_commands_max", kHub, "commands decided together",
       "tests/core/sequencer_test.cc", "ABatchHoldsWholeGroupsUpToItsCommands"},
      {"server/core/sequencer.h batch_bytes_max", kHub, "commands decided together",
       "tests/core/sequencer_test.cc", "ABatchHoldsWholeGroupsUpToItsBytes"},
      {"server/core/sequencer.h recent_bytes_max", kHub, "events in memory",
       "tests/core/recent_incidents_test.cc", "TheOneThatHasNotChangedForLongestLeavesFirst"},
      {"server/core/sequencer.h batch_expiries_max", kHub, "expired acknowledgements taken back",
       "tests/core/ack_expiry_test.cc", "ABatchTakesABoundedNumberBesideItsCommands"},
      {"server/db/database.cc kWriteAheadLogBytesMax", kHub, "memory and disk of the database",
       "tests/db/database_test.cc", "TheWriteAheadLogIsBoundedAlsoIfATableHoldsItBack"},
      {"server/db/database.cc kOpenFilesMax", kHub, "memory and disk of the database",
       "tests/db/database_test.cc", "NoMoreFilesAreOpenThanTheBoundHoweverManyThereAre"},
      {"server/store/quarantine.h kQuarantineBodiesMax", kHub, "quarantined bodies",
       "tests/store/quarantine_test.cc", "PastItsCountTheOldestLeave"},
      {"server/store/quarantine.h kQuarantineBytesMax", kHub, "quarantined bodies",
       "tests/store/quarantine_test.cc", "PastItsBytesTheOldestLeave"},
      {"server/store/quarantine.h kQuarantineReasonBytesMax", kHub, "a quarantined body's reason",
       "tests/core/quarantine_test.cc", "AReasonIsCutWhereItIsTooLong"},
      {"server/rpc/quarantine_service.h kQuarantinePageLookedAtBytesMax", kHub,
       "a page of `ListQuarantined`", "tests/rpc/quarantine_service_test.cc",
       "APageThatLookedAtALotEndsShortWithMoreToCome"},
      {"server/rpc/quarantine_replay.h kReplayDeliveriesMax", kHub, "a replay",
       "tests/rpc/quarantine_replay_test.cc", "ABodyWithTooManyIncidentsIsRefused"},
      {"server/rpc/quarantine_replay.h kReplayBytesMax", kHub, "a replay",
       "tests/rpc/quarantine_replay_test.cc", "ABodyWithTooManyBytesOfIncidentsIsRefused"},
      {"server/store/request_ids.h kRemovedPerEventMax", kInside, "spreads a clean-up",
       "tests/store/request_ids_test.cc", "EachEventRemovesAFewThatAreTooOld"},
      {"server/fanout/resume_token.h kResumeTokenBytesMax", kHub, "`resume_token`",
       "tests/fanout/resume_token_test.cc", "kResumeTokenBytesMax"},
      {"server/fanout/subscription.h kLiveEventsMax", kInside, "spreads a long way over threads",
       "tests/fanout/subscription_matchers_test.cc", "kLiveEventsMax"},
      {"server/fanout/broadcaster.h kTickIntervalMin", kInside, "how exact heartbeats are", "", ""},
      {"server/domain/lifecycle.h kUpstreamErrorBytesMax", kHub, "`upstream.last_error`",
       "tests/upstream/bigpanda_api_test.cc", "AnErrorIsBoundedPresentableAndWithoutKeys"},
      {"server/upstream/config.h kUpstreamSourcesMax", kHub, "sources in `--upstream_config`",
       "tests/upstream/config_test.cc", "FileAndSourcesAreBounded"},
      {"server/upstream/config.h kUpstreamConfigBytesMax", kHub, "sources in `--upstream_config`",
       "tests/upstream/config_test.cc", "FileAndSourcesAreBounded"},
      {"server/upstream/config.h kUpstreamKeyBytesMax", kHub, "sources in `--upstream_config`",
       "tests/upstream/config_test.cc", "AKeyFileHoldsOneKeyThatNoErrorShows"},
      {"server/upstream/http_client.h kHttpAnswerBytesMax", kHub, "one request upstream",
       "tests/upstream/http_client_test.cc", "AnAnswerThatIsTooLargeIsAnError"},
      {"server/upstream/worker.h kUpstreamItemsMax", kHub, "what waits to be told, in memory",
       "tests/upstream/worker_test.cc", "WhatIsTooMuchForTheMemoryWaitsInTheStore"},
      {"server/upstream/worker.h items_max", kHub, "what waits to be told, in memory",
       "tests/upstream/worker_test.cc", "WhatIsTooMuchForTheMemoryWaitsInTheStore"},
      {"server/upstream/worker_requests.cc kRetryAfterMax", kHub, "between two tries of the same",
       "tests/upstream/worker_test.cc", "RetryAfterIsHonouredForTheEndpoint"},
      {"server/upstream/worker.cc kWaitMax", kInside, "how often the configuration is looked at",
       "", ""},
      {"server/upstream/key_checks.h kIntervalMin", kInside, "how often a key is doubted",
       "tests/upstream/key_checks_test.cc", "DoubtsAreLookedIntoSoonButNotAllTheTime"},
      {"server/upstream/backoff.h kDoublingsMax", kInside, "keeps a product in its range",
       "tests/upstream/backoff_test.cc", "ABoundDoublesUpToItsMost"},
      {"server/backup/backup.h kBackupsMax", kHub, "backups; a backup's name",
       "tests/backup/backup_test.cc", "AHundredAreKeptAndNoneIsDeletedForAnother"},
      {"server/backup/backup.h kBackupNameBytesMax", kHub, "backups; a backup's name",
       "tests/backup/backup_test.cc", "NamesThatCouldLeadElsewhereAreInvalid"},
      {"server/rpc/incident_service.cc kHeartbeatMin", kHub, "heartbeat interval",
       "tests/rpc/subscribe_reactor_test.cc", "TheBoundsOfTheHeartbeatAreTaken"},
      {"server/rpc/incident_service.cc kHeartbeatMax", kHub, "heartbeat interval",
       "tests/rpc/subscribe_reactor_test.cc", "TheBoundsOfTheHeartbeatAreTaken"},
      {"server/rpc/incident_service.cc kClientBytesMax", kHub, "`client`",
       "tests/rpc/subscribe_reactor_test.cc", "BadFieldsAreRefusedByName"},
      {"server/rpc/subscribe_reactor.cc kAwaitTokenMax", kHub, "a token ahead of the hub",
       "tests/fanout/subscription_retention_test.cc", "ATokenAheadOfTheHubWaitsUntilItIsThere"},
      {"server/rpc/subscribe_messages.cc kReconnectDelayMax", kInside,
       "spreads clients that come back", "tests/rpc/subscribe_reactor_test.cc",
       "ClientsOfAHubThatStopsAreSpread"},
      {"server/rpc/ingest_reactor.h kDeliveriesPerRequestMax", kHub,
       "deliveries in an `IngestRequest`", "tests/rpc/ingest_reactor_test.cc",
       "AMessageWithTooManyDeliveriesEndsTheStream"},
      {"server/rpc/ingest_reactor.h kOutstandingDeliveriesMax", kHub,
       "deliveries of an Ingest stream without a receipt", "tests/rpc/ingest_reactor_test.cc",
       "AGatewayThatNeverReadsItsReceiptsIsNotReadFromForEver"},
      {"server/rpc/ingest_reactor.h kOutstandingBytesMax", kHub,
       "deliveries of an Ingest stream without a receipt", "tests/rpc/ingest_reactor_test.cc",
       "AGatewayThatNeverReadsItsReceiptsIsNotReadFromForEver"},
      {"server/rpc/paging.h kPageSizeMax", kHub, "a page of `ListIncidents`, `ListEvents`",
       "tests/rpc/incident_service_test.cc", "PageSizesHaveADefaultAndAMost"},
      {"server/rpc/paging.h kPageBytesMax", kHub, "a page of `ListIncidents`, `ListEvents`",
       "tests/rpc/incident_service_test.cc", "APageEndsAtOneMiBAndHoldsAtLeastOneIncident"},
      {"server/rpc/incident_page.h kPageLookedAtBytesMax", kHub,
       "a page of `ListIncidents` with matchers", "tests/rpc/incident_service_test.cc",
       "APageThatLookedAtALotEndsEmptyWithMoreToCome"},
      {"server/server.cc kReadsQueuedMax", kHub, "reads waiting", "tests/rpc/read_pool_test.cc",
       "PastItsBoundTryPostIsRefusedAndPostIsNot"},
      {"server/server.cc kIngestStreamsMax", kHub, "Ingest streams", "tests/e2e/errors_test.cc",
       "TOO_MANY_INGEST_STREAMS"},
      {"server/server.cc kReceiveBytesMax", kHub, "a message to the hub",
       "tests/e2e/misuse_test.cc", "BytesThatAreNoMessageAreRefused"},
      {"server/server.cc kClientPingMsMin", kHub, "a client's keepalive pings",
       "tests/e2e/misuse_test.cc", "AClientThatPingsMoreThanOnceInFiveSecondsIsSentAway"},

      {"gateway/http_head.h kHeadBytesMax", kGateway, "request head", "tests/gateway/http_test.cc",
       "EachBadRequestHasItsOwnAnswer"},
      {"gateway/http_head.h kHeadFieldsMax", kGateway, "request head",
       "tests/gateway/http_head_test.cc", "FieldsAreBounded"},
      {"gateway/http_body.h kBodyBytesMax", kGateway, "| body |", "tests/gateway/http_test.cc",
       "TooLargeIsAnswered413HoweverItComes"},
      {"gateway/http_body.h kBodiesBytesMax", kGateway, "| body |",
       "tests/gateway/http_body_test.cc", "LargeBodiesTogetherAreBounded"},
      {"gateway/http_body.h kChunkOverheadBytesMax", kGateway, "a body's chunk heads",
       "tests/gateway/http_body_test.cc", "EndlessEmptyOverheadIsRefused"},
      {"gateway/http_body.cc kChunkLineBytesMax", kGateway, "a body's chunk heads",
       "tests/gateway/http_body_test.cc", "BrokenChunksAreRefused"},
      {"gateway/input_poller.cc kEventsAtOnceMax", kInside, "the others come the next time",
       "tests/gateway/input_poller_test.cc", "ABurstOfMoreThanComeAtOnceIsServedWhole"},
      {"gateway/lingering_closer.h kLingeringMax", kGateway, "connections being closed",
       "tests/gateway/lingering_closer_test.cc", "PastItsBoundASocketIsClosedWithoutCeremony"},
      {"common/tls_identity.h kTlsFileBytesMax", kGateway, "a file of TLS",
       "tests/common/tls_identity_test.cc", "FilesThatCannotServeAreRefusedByName"},
      {"gateway/credentials.h kSecretFileBytesMax", kGateway, "secret file",
       "tests/gateway/credentials_test.cc", "FileThatCannotServeIsRefusedByName"},
      {"gateway/credentials.h kSecretsMax", kGateway, "secret file",
       "tests/gateway/credentials_test.cc", "FileThatCannotServeIsRefusedByName"},
      {"gateway/sources.h kSourcesMax", kGateway, "sources in `--sources_config`",
       "tests/gateway/sources_test.cc", "FileIsReadStrictlyAndBounded"},
      {"gateway/sources.h kSourcesConfigBytesMax", kGateway, "sources in `--sources_config`",
       "tests/gateway/sources_test.cc", "FileIsReadStrictlyAndBounded"},
      {"gateway/sources.h kSourceNameBytesMax", kGateway, "sources in `--sources_config`",
       "tests/gateway/sources_test.cc", "EachMistakeNamesFileSourceAndField"},
      {"gateway/sources.h kCredentialsPerSourceMax", kGateway, "sources in `--sources_config`",
       "tests/gateway/sources_test.cc", "CredentialsOfASourceAreBounded"},
      {"gateway/jwt.h kJwtBytesMax", kGateway, "a signed token", "tests/gateway/jwt_test.cc",
       "ATokenHasABound"},
      {"gateway/jwt.h kJwksBytesMax", kGateway, "a key set", "tests/gateway/jwt_test.cc",
       "AFileOfNoUseIsRefusedByName"},
      {"gateway/jwt.h kJwksKeysMax", kGateway, "a key set", "tests/gateway/jwt_test.cc",
       "WhatIsNoUseIsRefusedByItsPlace"},
      {"gateway/jws.h kRsaKeyBitsMin", kGateway, "a key set", "tests/gateway/jwt_test.cc",
       "WhatIsNoUseIsRefusedByItsPlace"},
      {"common/decode/json.h kJsonDepthMax", kGateway, "nesting of a body",
       "tests/common/decode/json_test.cc", "DepthIsBoundedWithoutRecursion"},
      {"common/decode/json.h kJsonValuesMax", kGateway, "values and keys in a body",
       "tests/common/decode/json_test.cc", "TooManyValuesAreRefusedOnlyIfTheyAreJson"},
      {"common/decode/json.h kJsonBytesMax", kInside, "above what a body may have",
       "tests/common/decode/json_test.cc", "HugeTextsAreRefusedUnread"},
      {"common/decode/decoder.h kIncidentIdBytesMax", kGateway, "an incident's id",
       "tests/common/decode/golden_test.cc", "EveryBodyBecomesTheItemsBesideIt"},
      {"common/decode/decoder.h kDeliveryBytesMax", kGateway, "an incident, encoded",
       "tests/common/decode/bigpanda_test.cc",
       "AnIncidentAtTheSizeLimitIsCarriedAndOneAboveItIsKept"},
      {"common/decode/extra.h kBytesMax", kGateway, "an incident, encoded",
       "tests/common/decode/bigpanda_test.cc", "ManySmallUnknownKeysAreBoundedByWhatTheyTake"},
      {"common/decode/json_scan.h kScanDepthMax", kInside,
       "an item's nesting, and what is around it", "tests/common/decode/batch_splitter_test.cc",
       "AValueOverLinesMayNestAsDeepAsAnItemInABatch"},
      {"common/decode/batch_splitter.h kRescanFactorMax", kInside, "keeps the time linear",
       "tests/common/decode/batch_splitter_test.cc",
       "WhatNeverEndsIsReadAgainABoundedNumberOfTimes"},
      {"common/decode/decimal.h kEpochSecondsMin", kInside, "the range of a Timestamp",
       "tests/common/decode/decimal_test.cc", "TimesOutsideOfTheYears"},
      {"common/decode/decimal.h kEpochSecondsMax", kInside, "the range of a Timestamp",
       "tests/common/decode/decimal_test.cc", "TimesOutsideOfTheYears"},
      {"common/decode/decimal.cc kExponentMax", kInside, "what is larger is no time either",
       "tests/common/decode/decimal_test.cc", "LongTextsAreReadToTheEnd"},
      {"common/decode/decimal.cc kDigitsMax", kInside, "what fits into an integer",
       "tests/common/decode/decimal_test.cc", "IntegersAreReadWholeOrNotAtAll"},
      {"common/decode/wire_time.cc kPlainDigitsMax", kInside, "a fast way",
       "tests/common/decode/wire_time_test.cc", "ReadsNumbersAndStringsAndNothingElse"},
      {"gateway/batch_delivery.h kBatchDeliveriesMax", kGateway, "items of one body without",
       "tests/gateway/batch_delivery_test.cc", "MoreThanItsBoundWaitsForReceipts"},
      {"gateway/batch_delivery.h kBatchBytesMax", kGateway, "items of one body without",
       "tests/gateway/batch_delivery_test.cc", "MoreBytesThanItsBoundWaitForReceipts"},
      {"gateway/batch_delivery.h kUnmappedBytesMax", kGateway, "items of one body kept",
       "tests/gateway/batch_delivery_test.cc", "WhatGoesToQuarantineTogetherIsBounded"},
      {"gateway/batch_delivery.h kUnmappedReasonBytesMax", kGateway, "items of one body kept",
       "tests/gateway/batch_delivery_test.cc", "WhatIsSaidOfManyBadItemsIsBounded"},
      {"gateway/http_status.h kNamedItemsMax", kGateway, "bad items named",
       "tests/gateway/batch_delivery_test.cc", "WhatIsSaidOfManyBadItemsIsBounded"},
      {"gateway/ingest_window.h kDeliveriesPerRequestMax", kGateway, "message to the hub",
       "tests/gateway/ingest_window_test.cc", "OneRequestIsBoundedInDeliveriesAndBytes"},
      {"gateway/ingest_window.h kRequestBytesMax", kGateway, "message to the hub",
       "tests/gateway/ingest_window_test.cc", "OneRequestIsBoundedInDeliveriesAndBytes"},
      {"gateway/ingest_window.h kRetryDelayMax", kGateway,
       "a delivery that the hub rejects for now", "tests/gateway/ingest_window_test.cc",
       "DelayWithoutTheHubsWordGrowsAndIsBounded"},
      {"gateway/ingest_client.h kReconnectDelayMax", kGateway, "reconnect to the hub",
       "tests/gateway/delivery_test.cc", "RequestIsHeldWhileTheHubRestartsOnItsPort"},
      {"gateway/ingest_client.cc kGatherTimeMax", kInside, "how long deliveries wait for company",
       "", ""},
      {"gateway/ingest_client.cc kLoggedIdsMax", kInside, "shortens a log line", "", ""},
      {"gateway/http_status.h kRetryAfterMax", kGateway, "`Retry-After`",
       "tests/gateway/http_status_test.cc", "RetryAfterIsWholeSecondsWithinBounds"},
      {"gateway/options.cc kMaxConnectionsMax", kGateway,
       "connections; deliveries without a receipt", "tests/gateway/options_test.cc",
       "EachMistakeNamesItsFlagAndValue"},
      {"gateway/options.cc kWindowDeliveriesMax", kGateway,
       "connections; deliveries without a receipt", "tests/gateway/options_test.cc",
       "EachMistakeNamesItsFlagAndValue"},
      {"gateway/options.cc kWindowBytesMin", kGateway, "connections; deliveries without a receipt",
       "tests/gateway/options_test.cc", "EachMistakeNamesItsFlagAndValue"},
      {"gateway/options.cc kWindowBytesMax", kGateway, "connections; deliveries without a receipt",
       "tests/gateway/options_test.cc", "EachMistakeNamesItsFlagAndValue"},
      {"gateway/options.cc kDurationMin", kGateway, "times of the flags",
       "tests/gateway/options_test.cc", "EachMistakeNamesItsFlagAndValue"},
      {"gateway/options.cc kDurationMax", kGateway, "times of the flags",
       "tests/gateway/options_test.cc", "EachMistakeNamesItsFlagAndValue"},
  };
  return *kTable;
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(absl::StrCat(INCIDENTHUB_SOURCE_DIR, "/", path));
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// "file constant" of each bound in the sources.
std::set<std::string> BoundsInSources() {
  std::set<std::string> bounds;
  const std::filesystem::path root = INCIDENTHUB_SOURCE_DIR;
  const std::regex constant(
      R"(^ *(?:inline |static )?constexpr [^=(]*\b(k[A-Za-z0-9]+(?:Max|Min)) ?=)");
  const std::regex option(R"(^ +[a-z_0-9:]+ ([a-z_]+_max) = )");
  for (const char* folder : {"common", "server", "gateway"}) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root / folder)) {
      const std::string extension = entry.path().extension();
      if (extension != ".h" && extension != ".cc") continue;
      const std::string path = entry.path().lexically_relative(root);
      const std::string text = ReadFile(path);
      for (const std::string& line : std::vector<std::string>(absl::StrSplit(text, '\n'))) {
        std::smatch match;
        if (std::regex_search(line, match, constant) ||
            (extension == ".h" && std::regex_search(line, match, option))) {
          bounds.insert(path + " " + match[1].str());
        }
      }
    }
  }
  return bounds;
}

TEST(LimitsTest, EveryBoundHasARowAndEveryRowABound) {
  std::set<std::string> rows;
  for (const Limit& limit : Limits()) {
    EXPECT_TRUE(rows.insert(limit.constant).second) << limit.constant << " has two rows";
  }
  const std::set<std::string> bounds = BoundsInSources();
  EXPECT_GT(bounds.size(), 50u);
  for (const std::string& bound : bounds) {
    EXPECT_EQ(rows.count(bound), 1u)
        << bound << " is not in the table of tests/tidy/limits_test.cc";
  }
  for (const std::string& row : rows) EXPECT_EQ(bounds.count(row), 1u) << row << " is gone";
}

TEST(LimitsTest, EveryBoundIsWrittenDownWhereItIsMet) {
  for (const Limit& limit : Limits()) {
    EXPECT_FALSE(limit.row.empty()) << limit.constant;
    if (limit.document == kInside) continue;
    const std::string text = ReadFile(limit.document);
    bool found = false;
    for (const absl::string_view line : absl::StrSplit(text, '\n')) {
      found = found || (absl::StartsWith(line, "|") && absl::StrContains(line, limit.row));
    }
    EXPECT_TRUE(found) << limit.constant << ": " << limit.document << " has no row \"" << limit.row
                       << "\"";
  }
}

TEST(LimitsTest, EveryFlagThatIsABoundIsWrittenDown) {
  const std::regex flag(R"(ABSL_FLAG\(\s*(?:u?int[0-9]+_t|absl::Duration),\s*([a-z_]+))");
  for (const auto& [source, document] :
       {std::pair{"server/options.cc", kHub}, std::pair{"gateway/options.cc", kGateway}}) {
    const std::string text = ReadFile(source);
    const std::string written = ReadFile(document);
    int count = 0;
    for (std::sregex_iterator at(text.begin(), text.end(), flag), end; at != end; ++at, ++count) {
      const std::string name = absl::StrCat("`--", (*at)[1].str());
      EXPECT_TRUE(absl::StrContains(written, name)) << document << " does not have " << name;
    }
    EXPECT_GT(count, 4) << source;
  }
}

TEST(LimitsTest, EveryBoundThatCanBeMetHasATestThatIsThere) {
  for (const Limit& limit : Limits()) {
    if (limit.test_file.empty()) {
      EXPECT_EQ(limit.document, kInside) << limit.constant << " has no test";
      continue;
    }
    EXPECT_TRUE(absl::StrContains(ReadFile(limit.test_file), limit.test))
        << limit.constant << ": no " << limit.test << " in " << limit.test_file;
  }
}

}  // namespace
}  // namespace incidenthub
