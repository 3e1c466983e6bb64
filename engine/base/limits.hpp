// Every limit that is not the operator's to set. What the operator sets has its default and its bounds in
// config/config.hpp. A constant here has a name, a unit and a reason.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace ringmx::limits {

// --- memory
// ----------------------------------------------------------------------------------------------------
// Less room than this in a chunk is not worth a pass of the scan: mail data goes on in a new chunk.
constexpr std::size_t body_room_octets_min = 64;
constexpr std::size_t page_bytes = 4096;           // slab and O_DIRECT alignment
constexpr std::size_t chunk_small_bytes = 4096;    // envelope and a small message in one page
constexpr std::size_t chunk_medium_bytes = 16384;  // most of the world's mail
constexpr std::size_t chunk_large_bytes = 65536;   // the unit in which large bodies stream into storage
// Free bytes that every chunk keeps in front of its payload, so that a storage frame's header and the payload
// it describes are one piece of memory and one write.
constexpr std::size_t chunk_headroom_bytes = 128;

// --- connections
// -------------------------------------------------------------------------------------------------
constexpr std::uint32_t connections_per_core_max = 1u << 20;  // 20 bits of slot in a completion's user_data
constexpr std::uint32_t accepts_armed_per_listener = 32;      // the admission window
constexpr std::uint32_t receive_buffers = 128;                // ring of them, per core
constexpr std::size_t receive_buffer_bytes = 32768;           // commands and small messages
constexpr std::size_t receive_buffer_bulk_bytes = 65536;      // long messages; one per core
// A multishot receive ends when it has brought so much, and a message of which so much is here, or announced
// in one BDAT, is received in bulk. At 20 KiB bulk costs 10 % more, at 50 KiB nothing, at 1 MiB 30 % less.
constexpr std::size_t bulk_octets_min = 32768;
constexpr std::size_t input_held_bytes_max =
    16384;  // input that may wait behind a decision before receiving stops
constexpr std::uint32_t linger_octets_max = 1u
                                            << 20;  // read and dropped behind a last reply before the close
constexpr std::uint32_t parts_in_flight_max = 4;    // streamed body chunks of one message not yet given back

// --- admission (docs/admission.md)
// ---------------------------------------------------------------------------
// Clients and networks with open connections, of the whole server: 8 octets each. A connection has one entry
// of each kind. Sixteen places are looked at for a key, so that 90 % of them can be in use.
constexpr std::size_t admission_shared_entries = std::size_t{1} << 18;
// Clients that a core counts commands for, 32 octets each: those that are connected, and those whose last
// minute counts against a limit.
constexpr std::size_t admission_clients_per_core = std::size_t{1} << 15;
constexpr std::uint32_t admission_rate_max = 60'000;      // of one client, a minute: a clock tick each
constexpr std::uint32_t admission_open_max = 65'535;      // connections of one client or network: 16 bits
constexpr std::uint32_t admission_lines_per_second = 50;  // log lines about limits, per core
constexpr std::uint32_t admission_sweep_ticks = 120;      // of 250 ms, to look at every entry once
// Stress that began at so many percent of connections or memory ends at this share of it, in percent.
constexpr std::uint32_t stress_end_percent = 75;
constexpr std::uint32_t stress_sweep_ticks = 8;  // of 250 ms, to shorten the timeouts of all connections

// --- TLS
// -----------------------------------------------------------------------------------------------------------
// Plaintext of one record of ours: OpenSSL takes a buffer of this size for each write, and replies are short.
constexpr std::size_t tls_record_sent_octets_max = 4096;
// What a handshake may have to say before the client takes it; a chain is the most of it.
constexpr std::size_t tls_kept_octets_max = 128u << 10;
constexpr std::size_t tls_record_octets_max = 16384 + 512;  // RFC 8446 §5.2, RFC 5246 §6.2.3, with its header
constexpr std::size_t tls_plaintext_room_octets = 16384;    // a record's plaintext; per core
constexpr std::size_t tls_client_hello_octets_max = 16u << 10;      // one in use has 0.3 to 2 KiB
constexpr std::size_t tls_certificate_list_octets_max = 16u << 10;  // a client's
// Handshake records of an open connection (KeyUpdate, RFC 8446 §4.6.3): so many, and one more for so many
// octets of data. Each costs some 30 µs.
constexpr std::uint64_t tls_rekeys_max = 16;
constexpr std::uint64_t tls_octets_per_rekey = 64u << 10;
constexpr std::uint32_t tls_handshake_steps_max = 8;  // a core's per turn, of about 0.2 ms each
// In the middle of its handshake a connection takes 43 KiB, afterwards 14 (docs/benchmarks.md): a quarter of
// a core's connections may be there at a time, the others wait before their first step. So many for each are
// enough for all.
constexpr std::uint32_t tls_handshakes_share = 4;
constexpr std::uint32_t tls_handshakes_min = 16;
constexpr std::size_t tls_connection_bytes = 24u << 10;
constexpr std::size_t tls_chain_octets_max = 64u << 10;       // PEM
constexpr std::size_t tls_authorities_octets_max = 4u << 20;  // PEM; those of a system have some 220 KiB

// --- behind a proxy
// --------------------------------------------------------------------------------------------------
// Of version 1: the longest line that its specification knows. Of version 2: 16 octets and what they
// announce; addresses and all facts that HAProxy can add come to less than 1 KiB.
constexpr std::size_t proxy_header_v1_octets_max = 107;
constexpr std::size_t proxy_header_v2_octets_max = 2048;
constexpr std::size_t proxy_unique_id_octets_max = 128;  // proxy-protocol.txt, 2.2.5
constexpr std::size_t proxy_text_octets_max = 255;       // a name in it; a longer one is as good as none
constexpr std::size_t proxy_tls_text_octets_max = 64;    // a protocol version, a cipher suite
// What is kept of a header or of XCLIENT, or the header while it comes in.
constexpr std::size_t front_connection_bytes = 3072;
constexpr std::size_t xclient_text_octets_max = 255;  // NAME, HELO, LOGIN; XCLIENT_README, note 1

// --- protocol (RFC 5321 §4.5.3.1 gives the least; these are what we take)
// ------------------------------------------
constexpr std::size_t domain_octets_min = 255;
constexpr std::size_t command_line_octets_min = 512;
// RFC 5321 §4.5.3.1.4, and what the announced extensions add, of which DSN asks for most: 1036 (RFC 3461
// §5.4).
constexpr std::size_t command_line_octets_configured_min = 1536;
constexpr std::size_t command_line_octets_max =
    4096;  // room for SMTPUTF8, DSN and ORCPT parameters; RFC 3461 §5.4
constexpr std::size_t reply_line_octets_max = 512;
constexpr std::uint32_t recipients_per_message_min = 100;
constexpr std::size_t envelope_bytes_max =
    65536 - 4096;                                    // serialised envelope; RCPT beyond it gets 452 4.5.3
constexpr std::uint32_t received_headers_max = 100;  // RFC 5321 §6.3: at least 100 before it is a loop
constexpr std::size_t header_section_scan_max = 1u << 20;  // trace headers are counted within this prefix

// --- storage
// -------------------------------------------------------------------------------------------------------
constexpr std::uint32_t store_queue_entries = 4096;  // hand-off ring slots, per (core, worker) and direction
constexpr std::size_t spool_batch_bytes_max = 1u << 20;  // one write
constexpr std::uint32_t spool_batches_in_flight = 2;     // writes at once per shard
constexpr std::size_t spool_segment_bytes_min = 1u << 20;
constexpr std::size_t spool_segment_bytes_max = 1u << 30;
constexpr std::uint32_t plugin_in_flight_max = 4096;  // submissions at once, per instance of a plugin
constexpr std::size_t completion_text_octets_max =
    200;                                               // why a plugin did not keep a message: a reply's text
constexpr std::size_t plugin_error_octets_max = 1024;  // why a plugin could not be opened
constexpr std::size_t plugin_log_octets_max = 4096;    // of a line that a plugin logs
constexpr std::uint32_t plugin_counters_max = 32;      // that a plugin may have of its own
constexpr std::size_t plugin_counter_name_octets_max = 63;
// A Maildir for each recipient: a name in a folder (NAME_MAX), the least room for a part of an address in one
// (a hash of it needs 66), how the names begin that are ours beside the mailboxes, and folders kept open.
constexpr std::size_t file_name_octets_max = 255;
constexpr std::size_t maildir_value_octets_min = 96;
constexpr std::string_view maildir_own_names = ".ringmx";
constexpr std::size_t maildir_folders_open_max = 64;
constexpr std::size_t maildir_components_max = 15;  // behind the prefix: PATH_MAX is 4096
// Delivery: what it keeps track of (messages, and domains beyond each one's first), what it reads ahead, what
// is under way (octets: storage.delivery.window), and how many domains may wait before no other is begun.
constexpr std::uint32_t delivery_known_max = 32768;
constexpr std::uint32_t delivery_ready_max = 512;
constexpr std::uint32_t delivery_in_flight_max = 1024;
constexpr std::uint32_t delivery_waiting_domains_max = 1024;
constexpr std::size_t delivery_ack_batch = 256;            // messages acknowledged with one sync
constexpr std::size_t delivery_unacknowledged_max = 4096;  // delivered, not yet acknowledged: then it waits
constexpr std::size_t delivery_fixed_bytes = 32u << 20;  // all of this, a ring, and the dead letters' writes
constexpr std::size_t dead_reason_octets_max = 512;      // why a message was given up
constexpr std::uint32_t fallback_in_flight_max = 1024;   // tried at the backend at once, per worker
constexpr std::size_t late_answers_max = 4096;           // ids kept of what a backend stored after its spill

// --- recipients
// -----------------------------------------------------------------------------------------------------------
constexpr std::size_t recipient_line_octets_max = 64u << 10;  // of a list; no address is longer
// An address that is asked of a service, "local@domain": 64 and 255 octets (RFC 5321 §4.5.3.1), and as much
// again, for local parts are often longer. What is longer exists nowhere.
constexpr std::size_t recipient_question_octets_max = 640;
constexpr std::size_t socketmap_reply_octets_max = 100'000;  // as in Postfix; nearly all have less than 100
constexpr std::size_t http_answer_octets_max = 64u << 10;    // of the body, which does not count
constexpr std::uint32_t service_questions_max = 4096;        // under way, per core
// Above what any database of recipients has: address space, of which only what is in use takes memory.
constexpr std::size_t lmdb_map_octets = std::size_t{1} << 38;

// --- log and admin
// -------------------------------------------------------------------------------------------------
constexpr std::size_t log_ring_bytes = 1u << 20;  // transaction records waiting for the log thread, per core
constexpr std::size_t admin_request_bytes_max = 4096;

static_assert(chunk_small_bytes % page_bytes == 0 && chunk_large_bytes % chunk_medium_bytes == 0);
static_assert(chunk_headroom_bytes * 2 < chunk_small_bytes);
static_assert(command_line_octets_max >= command_line_octets_min);
static_assert(envelope_bytes_max < chunk_large_bytes - chunk_headroom_bytes);

}  // namespace ringmx::limits
