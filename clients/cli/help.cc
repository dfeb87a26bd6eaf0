#include "clients/cli/help.h"

namespace incidenthub::client {
namespace {

constexpr absl::string_view kProgram =
    R"help(incidentctl: see the incidents of an incident-hub, and act on them.

Usage: incidentctl COMMAND [ARGUMENTS] [FLAGS]      in any order

Commands
  list               all incidents, one a line
  get ID...          all that is known about incidents
  history ID         all that happened to an incident, the newest first
  watch              every change, as it happens
  ack ID...          say that you are looking at incidents
  unack ID...        say that you are not, any more
  resolve ID...      say that incidents are over
  consumers          who follows the hub, and how far behind; `consumers delete
                     NAME...` forgets some
  upstream           what sources are still to be told, or could not be, and why
  quarantine         what arrived and maps to no incident; `quarantine show ID`
                     prints one, `quarantine replay ID...` has it read again
  backup [NAME]      have the hub make a backup of all that it keeps
  token new          make a bearer token; asks no hub
  log-level LEVEL    what the hub logs from now on: debug, info, warning, error
  help [COMMAND]     this page, or the page of a command, with examples
  version            the version of this program

Flags of every command
  --hub=HOST:PORT    the hub to talk to; default: the environment variable
                     INCIDENTHUB_ADDRESS, else 127.0.0.1:50051
  --ca_file=FILE     PEM: talk TLS, with a hub that these authorities vouch for
  --token_file=FILE  the bearer token that the hub knows you by
  --cert_file=FILE, --key_file=FILE
                     PEM: the certificate that the hub knows you by, and its key
  --server_name=NAME what the hub's certificate has to name, if you dial another
                     name, as through a tunnel
                     Defaults of these: INCIDENTHUB_CA_FILE, _TOKEN_FILE,
                     _CERT_FILE, _KEY_FILE, _SERVER_NAME
  --timeout=TIME     how long to wait for an answer: 5s (the default), 500ms, 1m
  --json             JSON, one object a line, with the field names of the protos;
                     a field at its default (0, "", false) is left out
  --color=WHEN       auto (the default: on a terminal, unless NO_COLOR is set),
                     always, never
  --help, --version  what they say

Exit codes
  0  done
  1  the hub refused; the error says why
  2  the command line makes no sense; nothing was done
  3  the hub could not be reached, or did not answer in time: after an ack, an
     unack or a resolve the outcome is then unknown; sending it again is safe
     (with the same --request_id also when others act meanwhile)
  4  the output could not be written

Examples
  incidentctl list --state=open,acknowledged
  incidentctl watch
  incidentctl ack 5f1e7a0c --note="looking at the database"
  incidentctl resolve 5f1e7a0c --note="failed over" --hub=hub.internal:50051
)help";

constexpr absl::string_view kList =
    R"help(incidentctl list: all incidents, one a line, the last changed last.

Usage: incidentctl list [--match=MATCHER]... [--state=STATE,...] [FLAGS]

  --match=MATCHER    only incidents that this matches; may be repeated, and then
                     all of them have to: `incidentctl help watch` says how
  --state=STATE,...  only incidents in one of these states: open, acknowledged,
                     resolved; default: all

On a terminal lines are cut to its width. With --json each incident is an object
of its own, whole; one that changes while it runs may come twice, newer the
second time.

Examples
  incidentctl list --state=open              what nobody looks at yet
  incidentctl list --state=open,acknowledged what goes on
  incidentctl list --match='alert_tag.host=~"db-.*"'
  incidentctl list --json | jq -r 'select(.status == "STATUS_CRITICAL") | .id'

`incidentctl help` lists the flags of every command, and the exit codes.
)help";

constexpr absl::string_view kGet = R"help(incidentctl get: all that is known about incidents.

Usage: incidentctl get ID... [FLAGS]

With --json each incident is one line. Where an id is unknown the others are
printed all the same, and the exit code is 1.

Examples
  incidentctl get 5f1e7a0c
  incidentctl get 5f1e7a0c --json | jq .alerts
  incidentctl get -- -starts-with-a-dash

`incidentctl help` lists the flags of every command, and the exit codes.
)help";

constexpr absl::string_view kWatch =
    R"help(incidentctl watch: every change of every incident, as it happens.

Usage: incidentctl watch [--from_now | --resume_token=TOKEN] [--consumer=NAME]
                         [--match=MATCHER]... [--latest_only]
                         [--require_history] [FLAGS]

It begins with the newest event of every incident, and goes on until SIGINT
(Ctrl-C) or SIGTERM, which exit with 0. When the hub goes away it reconnects,
says so on standard error, and goes on where it was: nothing is missed. Only if
the hub cannot be reached at the beginning, for --timeout, it gives up (3).

  --from_now           begin with the next change
  --resume_token=TOKEN begin after the change that this token was printed with;
                       with the same --match flags
  --consumer=NAME      let the hub keep how far this has come, under this name:
                       about each second, and at the end, what was printed is
                       committed, and the next watch of this name begins there.
                       One at a time; a newer one ends the one before (1)
  --match=MATCHER      only incidents that this matches; may be repeated, and
                       then all of them have to
  --latest_only        where an incident changed several times since it was last
                       looked at, only its newest change
  --require_history    end (1) rather than leave out changes so old that the hub
                       has dropped them
  --until_sequence=N   stop once everything up to sequence N was printed
  --count=N            stop after N lines of changes

A line has: time of the change; + for an incident that is new here, ~ for one
that changed, - for one that no longer matches; what happened; state;
severity/status (worst ever/now); id; what it is about; who did it.

A matcher is LABEL OP VALUE: OP one of =  !=  =~  !~, the last two with an RE2
expression for the whole value; VALUE in double quotes if it has spaces or
commas. Labels: id, state, status, severity, environment, environment_id,
source, source_system, active, flapping, snoozed, assignee, alert_status,
tag.NAME, alert_tag.NAME. States and statuses are lower case; what is not
reported is "". Of several values (tags, alerts) = and =~ want any to match,
!= and !~ want none to.

With --json a change is one object, {"membership", "event", "resume_token"}, and
three more kinds of lines keep a copy exact:
  {"reset": {...}, "resume_token"}         forget all incidents, all come again
  {"compacted": {"from_sequence", ...}}    old changes were dropped: of each
                                           incident only the newest of them comes
  {"snapshot_end": {"sequence"}, ...}      all incidents were printed
None is left out, but one may be printed twice: when the hub goes away in
mid-message, and after a resume with the token of a line that shared its message
with later ones. Same event.incident.id and same event.sequence: same change.
With --latest_only one that no longer matches has no event, but {"membership",
"incident_id", "sequence", "state", "resume_token"}.

Examples
  incidentctl watch
  incidentctl watch --match=state=open --match='tag.team!~"db|web"'
  incidentctl watch --from_now --json | jq -r .event.incident.id
  incidentctl watch --json --resume_token="$(cat last_token)"
  incidentctl watch --json --consumer=ticket-sync | ./sync-tickets

`incidentctl help` lists the flags of every command, and the exit codes.
)help";

constexpr absl::string_view kAck = R"help(incidentctl ack: say that you are looking at incidents.

Usage: incidentctl ack ID... [--expire=TIME] [--note=TEXT] [--actor=NAME] [FLAGS]

  --expire=TIME      when the hub is to take it back by itself: how long from now,
                     like 2h or 90m, at most 744h; or when, like
                     2026-01-02T15:04:05Z; default: never
  --note=TEXT        why or how, for those who read it later
  --actor=NAME       who acts; default: $USER, else the name of your account
  --etag=ETAG        only if the incident still is as you saw it: its etag, as
                     `get` prints it; for one id
  --request_id=NAME  a name for this request, like a UUID; for one id. Within a
                     day the same again is answered as the first time and does
                     nothing; something else with this name is refused. With it
                     give --expire as a time: 2h from now is another one later.

Doing it twice does no harm: the first acknowledgement stays, and only a later
--expire than it has is taken over. A resolved incident cannot be acknowledged.
With several ids each is tried, and the exit code is 1 if the hub refused one.
With --json each answer is one line, {"incident", "changed"}.

Examples
  incidentctl ack 5f1e7a0c --note="looking at the database"
  incidentctl ack 5f1e7a0c --expire=2h
  incidentctl ack 5f1e7a0c 5f1e7a0d --actor=oncall-bot

`incidentctl help` lists the flags of every command, and the exit codes.
)help";

constexpr absl::string_view kUnack =
    R"help(incidentctl unack: take acknowledgements back, so that incidents are open again.

Usage: incidentctl unack ID... [--note=TEXT] [--actor=NAME] [--etag=ETAG] [FLAGS]

  --note=TEXT        why or how, for those who read it later
  --actor=NAME       who acts; default: $USER, else the name of your account
  --etag=ETAG        only if the incident still is as you saw it: its etag, as
                     `get` prints it; for one id
  --request_id=NAME  a name for this request, like a UUID; for one id. Within a
                     day the same again is answered as the first time and does
                     nothing; something else with this name is refused.

Doing it twice does no harm. Of a resolved incident nothing can be taken back.
With several ids each is tried, and the exit code is 1 if the hub refused one.
With --json each answer is one line, {"incident", "changed"}.

Examples
  incidentctl unack 5f1e7a0c --note="off call"
  incidentctl unack 5f1e7a0c 5f1e7a0d

`incidentctl help` lists the flags of every command, and the exit codes.
)help";

constexpr absl::string_view kConsumers =
    R"help(incidentctl consumers: who follows the hub, and how far behind.

Usage: incidentctl consumers [FLAGS]
       incidentctl consumers delete NAME... [FLAGS]

A line is a consumer, which the hub keeps a position for, by name; then come the
streams without one, with the name -. It has: name; state; position, the sequence
up to which it committed, or of a stream without a name was sent; lag, how many
events there are above that, at most (those that do not match count too); how
old the first of them is; client; address.

  live          a stream is open, and gets events as they come
  catching-up   a stream is open, and reads what it missed
  stalled       a stream is open, and its client takes nothing
  disconnected  no stream is open

`below floor` is behind a lag whose first events the hub has dropped already: of
incidents that changed there the consumer will get the newest event only.

`delete` forgets consumers: their streams end, and the next of that name begins
with a snapshot. Where one is unknown the others are deleted all the same, and
the exit code is 1. With --json each consumer is one object.

Examples
  incidentctl consumers
  incidentctl consumers --json | jq -r 'select((.lag_seconds // 0) > 60) | .name'
  incidentctl consumers delete ticket-sync

`incidentctl help` lists the flags of every command, and the exit codes.
)help";

constexpr absl::string_view kUpstream =
    R"help(incidentctl upstream: what sources are still to be told, or could not be.

Usage: incidentctl upstream [FLAGS]

A line is a resolve, an outbound callback or a comment about an acknowledgement:
incident; what; state; since when it is so; how often it was tried; when it is
tried next; source; why it failed, or still waits. Of resolves come those first
that somebody has to look at:

  failed       the source refused, or could not be reached for long enough
  unconfirmed  the source accepted it, and does not say that the incident is over
  pending      waits to be told
  accepted     waits to be confirmed

What has failed is tried again when somebody resolves the incident again. With
--json each is one object.

Examples
  incidentctl upstream
  incidentctl resolve 5f1e7a0c
  incidentctl upstream --json | jq -r 'select(.state == "STATE_FAILED") | .incident_id'

`incidentctl help` lists the flags of every command, and the exit codes.
)help";

constexpr absl::string_view kQuarantine =
    R"help(incidentctl quarantine: what arrived and maps to no incident.

Usage: incidentctl quarantine [list] [FLAGS]
       incidentctl quarantine show ID [FLAGS]
       incidentctl quarantine replay ID... [FLAGS]

`list` has a line for each body, the newest first: its number; when a gateway
had received it; source; kind of the source; bytes; why it maps to no incident.

`show` prints one as it arrived, byte for byte but for credentials in it, and
what is known of it to standard error. On a terminal control characters are
shown escaped. With --json it is one object, {"body", "raw"}, raw in base64.

`replay` has the hub read bodies again, as its version now does: what they say
is taken as if it had come just now, and they leave. What of a body still maps
to nothing stays, under a new number. Where nothing does the body stays as it
is, the others are replayed all the same, and the exit code is 1. Doing it twice
does no harm. With --json each is one object, {"receipts", "id"}.

Examples
  incidentctl quarantine
  incidentctl quarantine show 17 | jq .
  incidentctl quarantine replay 17 18
  incidentctl quarantine replay $(incidentctl quarantine --json | jq -r .id)

`incidentctl help` lists the flags of every command, and the exit codes.
)help";

constexpr absl::string_view kHistory =
    R"help(incidentctl history: all that happened to an incident, the newest first.

Usage: incidentctl history ID [--count=N] [FLAGS]

  --count=N          only the newest N events

A line has: time of the change; what happened; state; severity/status (worst
ever/now); id; what it is about; who did it. With --json each event is one
object, with the whole incident as it was after it.

Examples
  incidentctl history 5f1e7a0c
  incidentctl history 5f1e7a0c --json | jq -r .action.actor
  incidentctl history 5f1e7a0c --count=1 --json

`incidentctl help` lists the flags of every command, and the exit codes.
)help";

constexpr absl::string_view kResolve = R"help(incidentctl resolve: say that incidents are over.

Usage: incidentctl resolve ID... [--note=TEXT] [--actor=NAME] [--etag=ETAG] [FLAGS]

  --note=TEXT        why or how, for those who read it later
  --actor=NAME       who acts; default: $USER, else the name of your account
  --etag=ETAG        only if the incident still is as you saw it: its etag, as
                     `get` prints it; for one id
  --request_id=NAME  a name for this request, like a UUID; for one id. Within a
                     day the same again is answered as the first time and does
                     nothing; something else with this name is refused.

Doing it twice does no harm. If its source reports it again as active, it is
opened again. With several ids each is tried, and the exit code is 1 if the hub
refused one. With --json each answer is one line, {"incident", "changed"}.

Examples
  incidentctl resolve 5f1e7a0c --note="failed over to db-2"
  incidentctl resolve 5f1e7a0c --etag="$(incidentctl get 5f1e7a0c --json | jq -r .etag)"

`incidentctl help` lists the flags of every command, and the exit codes.
)help";

constexpr absl::string_view kBackup =
    R"help(incidentctl backup: have the hub make a backup of all that it keeps.

Usage: incidentctl backup [NAME] [FLAGS]

  NAME               1 to 64 letters, digits and -._, not beginning with a dot;
                     default: the time, like 2026-01-02T15-04-05Z

The hub goes on meanwhile, and puts it into a folder NAME below its --backup_dir,
on its own machine. It is there whole or not at all; an existing one is never
touched. --timeout is 10m by default; when it has passed the hub finishes it all
the same. To bring one back: incident-hub --restore_from=FOLDER --data_dir=NEW

Examples
  incidentctl backup
  incidentctl backup before-the-upgrade --json | jq -r .path

`incidentctl help` lists the flags of every command, and the exit codes.
)help";

constexpr absl::string_view kToken =
    R"help(incidentctl token new: make a bearer token for somebody who calls the hub.

Usage: incidentctl token new [--json]

Prints a token of 256 random bits, and its SHA-256. The token goes to whoever
calls, as a file for --token_file; the SHA-256 goes into the hub's --access_config,
which the hub reads again by itself:

  {"principals": [{"name": "pager", "roles": ["viewer", "responder"],
                   "tokens": [{"sha256": "...",
                               "expire_time": "2030-01-01T00:00:00Z"}]}]}

Nothing is sent to a hub, and nothing is kept. To replace a token, list both until
the old one is used no more.

Examples
  incidentctl token new
  incidentctl token new --json | jq -r .token >pager.token

`incidentctl help` lists the flags of every command, and the exit codes.
)help";

constexpr absl::string_view kLogLevel =
    R"help(incidentctl log-level: what the hub logs, until its next start.

Usage: incidentctl log-level debug|info|warning|error [FLAGS]

Lines of this level and of the worse ones are written. The hub logs the change.
After a start it is what its --log_level says.

Examples
  incidentctl log-level debug
  incidentctl log-level info

`incidentctl help` lists the flags of every command, and the exit codes.
)help";

}  // namespace

absl::string_view HelpText(Command command) {
  switch (command) {
    case Command::kList:
      return kList;
    case Command::kGet:
      return kGet;
    case Command::kWatch:
      return kWatch;
    case Command::kAck:
      return kAck;
    case Command::kUnack:
      return kUnack;
    case Command::kHistory:
      return kHistory;
    case Command::kResolve:
      return kResolve;
    case Command::kConsumers:
      return kConsumers;
    case Command::kUpstream:
      return kUpstream;
    case Command::kQuarantine:
      return kQuarantine;
    case Command::kBackup:
      return kBackup;
    case Command::kToken:
      return kToken;
    case Command::kLogLevel:
      return kLogLevel;
    case Command::kHelp:
    case Command::kVersion:
      break;
  }
  return kProgram;
}

}  // namespace incidenthub::client
