#include "server/access/rpcs.h"

#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.h"
#include "gtest/gtest.h"
#include "incidenthub/v1/consumer_service.pb.h"
#include "incidenthub/v1/incident_service.pb.h"
#include "incidenthub/v1/ingest_service.pb.h"
#include "incidenthub/v1/maintenance_service.pb.h"
#include "incidenthub/v1/quarantine_service.pb.h"
#include "incidenthub/v1/upstream_service.pb.h"
#include "tests/support/access_markdown.h"

namespace incidenthub {
namespace {

TEST(RpcsTest, EveryRpcOfOursHasARow) {
  std::set<std::string> rows;
  for (const RpcRow& row : kRpcs) rows.insert(absl::StrCat(row.service, "/", row.method));
  size_t methods = 0;
  for (const google::protobuf::FileDescriptor* file :
       {v1::CommitRequest::descriptor()->file(), v1::AckRequest::descriptor()->file(),
        v1::IngestRequest::descriptor()->file(), v1::CreateBackupRequest::descriptor()->file(),
        v1::GetQuarantinedRequest::descriptor()->file(),
        v1::ListUpstreamRequest::descriptor()->file()}) {
    for (int s = 0; s < file->service_count(); ++s) {
      const google::protobuf::ServiceDescriptor& service = *file->service(s);
      for (int m = 0; m < service.method_count(); ++m, ++methods) {
        EXPECT_EQ(rows.count(absl::StrCat(service.full_name(), "/", service.method(m)->name())), 1U)
            << service.full_name() << "/" << service.method(m)->name();
      }
    }
  }
  EXPECT_EQ(rows.size(), methods + 1) << "and reflection's, and no other";
}

TEST(RpcsTest, ATableInWordsSaysTheSame) {
  std::ifstream file(absl::StrCat(INCIDENTHUB_SOURCE_DIR, "/proto/ACCESS.md"));
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  EXPECT_EQ(text, testing::AccessMarkdown()) << "`make docs` writes it anew";
}

// Written out once more, so that a role is not changed without somebody noticing.
TEST(RpcsTest, WhoReadsCannotActAndWhoActsCannotAdminister) {
  const std::map<std::string, Roles> acting = {
      {"Ack", Role::kResponder},          {"Unack", Role::kResponder},
      {"Resolve", Role::kResponder},      {"Ingest", Role::kIngest},
      {"CreateBackup", Role::kAdmin},     {"SetLogLevel", Role::kAdmin},
      {"GetQuarantined", Role::kAdmin},   {"ListQuarantined", Role::kAdmin},
      {"ReplayQuarantined", Role::kAdmin}};
  for (const RpcRow& row : kRpcs) {
    const auto known = acting.find(std::string(row.method));
    if (known == acting.end()) {
      EXPECT_TRUE(row.roles.Has(Role::kViewer)) << row.method;
    } else {
      EXPECT_EQ(row.roles, known->second) << row.method;
      EXPECT_TRUE(row.audited || row.rpc == Rpc::kIngest) << row.method;
    }
  }
}

TEST(RpcsTest, RolesHaveNamesThatAreReadAgain) {
  for (const Role role : kRoles) EXPECT_EQ(ParseRole(NameOf(role)), role);
  EXPECT_EQ(ParseRole("Viewer"), absl::nullopt);
  EXPECT_EQ(ParseRole(""), absl::nullopt);
  EXPECT_EQ(NamesOf(Roles(Role::kAdmin) | Role::kViewer), "viewer or admin");
}

}  // namespace
}  // namespace incidenthub
