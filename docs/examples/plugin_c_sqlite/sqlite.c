/* A storage plugin in C: keeps messages in an SQLite database. What came together is one transaction, which
 * is on the disk (synchronous=FULL) before it is acknowledged. A message that comes again is stored once: its
 * id is unique. Option `path`: the database, which is made if need be.
 *
 *     sqlite3 mail.db 'select id, reverse_path, octets from messages'
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ringmx/backend.h"

typedef struct store {
    const ringmx_host* host;
    sqlite3* db;
    sqlite3_stmt* add_message;
    sqlite3_stmt* add_recipient;
    const ringmx_message** waiting; /* since the last flush */
    size_t waiting_count, waiting_max;
} store;

static const char schema[] =
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
    "CREATE TABLE IF NOT EXISTS messages(number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,"
    " received_us INTEGER NOT NULL, client_name TEXT NOT NULL, reverse_path TEXT NOT NULL,"
    " octets INTEGER NOT NULL, content BLOB NOT NULL);"
    "CREATE TABLE IF NOT EXISTS recipients(message INTEGER NOT NULL REFERENCES messages(number),"
    " forward_path TEXT NOT NULL);";
static const char add_message[] =
    "INSERT INTO messages(id, received_us, client_name, reverse_path, octets, content)"
    " VALUES(?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT(id) DO NOTHING";
static const char add_recipient[] = "INSERT INTO recipients(message, forward_path) VALUES(?1, ?2)";

static void shut(store* self) {
    sqlite3_finalize(self->add_message);
    sqlite3_finalize(self->add_recipient);
    sqlite3_close(self->db);
    free(self->waiting);
}

static int sqlite_open(const ringmx_host* host, const ringmx_option* options, uint32_t option_count,
                       ringmx_instance* instance, char* error, size_t error_octets) {
    const char* path = NULL;
    for (uint32_t i = 0; i < option_count; ++i) {
        const ringmx_option* option = ringmx_option_at(options, i);
        if (strcmp(option->name, "path") != 0) {
            snprintf(error, error_octets, "unknown option %s", option->name);
            return 1;
        }
        path = option->value;
    }
    if (path == NULL) {
        snprintf(error, error_octets, "option path is missing");
        return 1;
    }
    store* self = host->allocate(host, sizeof *self);
    memset(self, 0, sizeof *self);
    self->host = host;
    if (sqlite3_open(path, &self->db) != SQLITE_OK || sqlite3_busy_timeout(self->db, 10000) != SQLITE_OK ||
        sqlite3_exec(self->db, schema, NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(self->db, add_message, -1, &self->add_message, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(self->db, add_recipient, -1, &self->add_recipient, NULL) != SQLITE_OK) {
        snprintf(error, error_octets, "%s: %s", path, sqlite3_errmsg(self->db));
        shut(self);
        return 1;
    }
    instance->self = self;
    instance->durability = RINGMX_DURABLE_MACHINE;
    return 0;
}

/* Text that is valid while the statement runs, so that SQLite need not copy it. */
static int bind_text(sqlite3_stmt* statement, int index, ringmx_bytes text) {
    return sqlite3_bind_text64(statement, index, text.size == 0 ? "" : text.data, text.size, SQLITE_STATIC,
                               SQLITE_UTF8);
}

static int run(sqlite3_stmt* statement) {
    const int result = sqlite3_step(statement);
    const int reset = sqlite3_reset(statement);
    return result == SQLITE_DONE ? SQLITE_OK : reset;
}

/* The content goes into its place piece by piece; it need not be in one piece anywhere. */
static int write_content(store* self, const ringmx_message* message, sqlite3_int64 number) {
    sqlite3_blob* blob = NULL;
    int result = sqlite3_blob_open(self->db, "main", "messages", "content", number, 1, &blob);
    int at = 0;
    for (uint32_t i = 0; result == SQLITE_OK && i < message->span_count; ++i) {
        const int octets = (int)message->spans[i].size;
        result = sqlite3_blob_write(blob, message->spans[i].data, octets, at);
        at += octets;
    }
    const int closed = sqlite3_blob_close(blob);
    return result == SQLITE_OK ? closed : result;
}

static int insert(store* self, const ringmx_message* message) {
    const ringmx_bytes id = {message->id_text, strlen(message->id_text)};
    bind_text(self->add_message, 1, id);
    sqlite3_bind_int64(self->add_message, 2, message->received_us);
    bind_text(self->add_message, 3, message->client_name);
    bind_text(self->add_message, 4, message->reverse_path);
    sqlite3_bind_int64(self->add_message, 5, (sqlite3_int64)message->octets);
    int result = sqlite3_bind_zeroblob64(self->add_message, 6, message->octets);
    if (result == SQLITE_OK) result = run(self->add_message);
    if (result != SQLITE_OK || sqlite3_changes(self->db) == 0) return result; /* it was there already */
    const sqlite3_int64 number = sqlite3_last_insert_rowid(self->db);
    result = write_content(self, message, number);
    for (uint32_t i = 0; result == SQLITE_OK && i < message->recipient_count; ++i) {
        sqlite3_bind_int64(self->add_recipient, 1, number);
        bind_text(self->add_recipient, 2, ringmx_recipient_at(message, i)->forward_path);
        result = run(self->add_recipient);
    }
    return result;
}

/* All of them, or none. */
static int store_batch(store* self, const ringmx_message* const* messages, size_t count) {
    int result = sqlite3_exec(self->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    if (result != SQLITE_OK) return result;
    for (size_t i = 0; result == SQLITE_OK && i < count; ++i)
        result = insert(self, messages[i]);
    if (result == SQLITE_OK) result = sqlite3_exec(self->db, "COMMIT", NULL, NULL, NULL);
    if (result != SQLITE_OK && !sqlite3_get_autocommit(self->db))
        sqlite3_exec(self->db, "ROLLBACK", NULL, NULL, NULL);
    return result;
}

static void complete(store* self, const ringmx_message* message, int result) {
    const ringmx_status status = result == SQLITE_OK       ? RINGMX_STORED
                                 : result == SQLITE_TOOBIG ? RINGMX_REJECT
                                                           : RINGMX_RETRY;
    const char* text = status == RINGMX_STORED ? "" : sqlite3_errstr(result);
    self->host->complete(self->host, message->token, status, text, strlen(text));
}

static void sqlite_flush(void* opened) {
    store* self = opened;
    if (self->waiting_count == 0) return;
    const int result = store_batch(self, self->waiting, self->waiting_count);
    for (size_t i = 0; i < self->waiting_count; ++i) {
        /* One that cannot be stored must not take the others with it. */
        const int alone = result == SQLITE_OK ? result : store_batch(self, &self->waiting[i], 1);
        complete(self, self->waiting[i], alone);
    }
    self->waiting_count = 0;
}

static void sqlite_submit(void* opened, const ringmx_message* const* messages, size_t count) {
    store* self = opened;
    if (self->waiting_count + count > self->waiting_max) {
        const size_t max = 2 * (self->waiting_count + count);
        const ringmx_message** more = realloc(self->waiting, max * sizeof *more);
        if (more == NULL) {
            for (size_t i = 0; i < count; ++i)
                complete(self, messages[i], SQLITE_NOMEM);
            return;
        }
        self->waiting = more;
        self->waiting_max = max;
    }
    memcpy(self->waiting + self->waiting_count, messages, count * sizeof *messages);
    self->waiting_count += count;
}

static void sqlite_close(void* opened) {
    sqlite_flush(opened);
    shut(opened);
}

RINGMX_EXPORT const ringmx_backend* ringmx_backend_entry(void);
const ringmx_backend* ringmx_backend_entry(void) {
    static const ringmx_backend backend = {.size = sizeof backend,
                                           .abi = RINGMX_BACKEND_ABI,
                                           .name = "sqlite",
                                           .version = "1.0",
                                           .open = sqlite_open,
                                           .submit = sqlite_submit,
                                           .flush = sqlite_flush,
                                           .close = sqlite_close};
    return &backend;
}
