/* ringmx storage backends: the C ABI of plugins. docs/plugins.md shows how to write, build and load one.
 *
 * A backend is a shared object that exports one function, `ringmx_backend_entry`. ringmx opens one instance
 * of it for each storage worker, hands it messages, and answers a message's client only when the instance
 * has completed that message: stored is 250, retry is 451, reject is 554.
 *
 * Rules
 * 1. Calls into one instance come from one thread, one at a time. Instances may run at the same time.
 * 2. Every message that was submitted is completed exactly once, from any thread, at any time until close()
 *    returns: within submit(), too. A second completion is ignored, counted and logged.
 * 3. All that a ringmx_message points to is valid, and constant, until the message is completed. After that
 *    nothing of it may be touched.
 * 4. submit() should not block: while it does, mail for this worker waits, and is refused with 4xx once the
 *    queue in front of it is full. It never delays the cores that talk to clients.
 * 5. No exception, longjmp or thread cancellation may leave a function of the backend.
 *
 * Versions: RINGMX_BACKEND_ABI changes when something that is here changes its meaning. Structs may grow at
 * their end without that; each begins with its size as its maker knew it, and a field may be read only if it
 * lies within that size. Elements of an array of structs are `size` octets apart.
 */
#ifndef RINGMX_BACKEND_H
#define RINGMX_BACKEND_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RINGMX_BACKEND_ABI 1u

/* The exported symbol: RINGMX_EXPORT const ringmx_backend *ringmx_backend_entry(void). */
#define RINGMX_BACKEND_SYMBOL "ringmx_backend_entry"
#define RINGMX_EXPORT __attribute__((visibility("default")))

/* Octets that belong to somebody else. Not ended by NUL; may hold any octet. */
typedef struct ringmx_bytes {
    const char* data; /* may be NULL if size is 0 */
    size_t size;      /* octets */
} ringmx_bytes;

/* What a completion says about a message. */
typedef enum ringmx_status {
    RINGMX_STORED = 0, /* kept, with the durability that open() declared: 250 */
    RINGMX_RETRY = 1,  /* not now: 451 4.3.0; with a spool behind it, kept there and submitted again */
    RINGMX_REJECT = 2  /* never: 554 5.3.0 */
} ringmx_status;

/* What RINGMX_STORED promises, from weakest to strongest. */
typedef enum ringmx_durability {
    RINGMX_DURABLE_NONE = 0,      /* nothing is kept */
    RINGMX_DURABLE_PROCESS = 1,   /* survives the end of the server's process, not of the machine */
    RINGMX_DURABLE_MACHINE = 2,   /* survives a power cut */
    RINGMX_DURABLE_REPLICATED = 3 /* survives the loss of the machine */
} ringmx_durability;

typedef enum ringmx_log_level {
    RINGMX_LOG_INFO = 0,
    RINGMX_LOG_WARNING = 1,
    RINGMX_LOG_ERROR = 2
} ringmx_log_level;

/* ringmx_message.flags */
#define RINGMX_ESMTP 0x01u      /* the client said EHLO, not HELO */
#define RINGMX_SMTPUTF8 0x02u   /* MAIL ... SMTPUTF8 (RFC 6531): addresses and headers may be UTF-8 */
#define RINGMX_8BITMIME 0x04u   /* BODY=8BITMIME (RFC 6152) */
#define RINGMX_BINARYMIME 0x08u /* BODY=BINARYMIME (RFC 3030): the content may hold any octet */
#define RINGMX_TLS 0x10u        /* the transaction ran under TLS */
#define RINGMX_REQUIRETLS \
    0x20u /* MAIL ... REQUIRETLS (RFC 8689): to be sent on under verified TLS, or not at all */
#define RINGMX_TLS_AT_PROXY 0x40u /* with RINGMX_TLS: it ended at a proxy in front, which said so */
#define RINGMX_TLS_CLIENT_VERIFIED \
    0x80u /* with RINGMX_TLS: the client has shown a certificate, which was verified */

/* ringmx_recipient.notify: NOTIFY of RCPT (RFC 3461 §4.1); 0: not given */
#define RINGMX_NOTIFY_NEVER 0x01u
#define RINGMX_NOTIFY_SUCCESS 0x02u
#define RINGMX_NOTIFY_FAILURE 0x04u
#define RINGMX_NOTIFY_DELAY 0x08u

/* ringmx_message.ret: RET of MAIL (RFC 3461 §4.3) */
#define RINGMX_RET_UNSPECIFIED 0u
#define RINGMX_RET_FULL 1u
#define RINGMX_RET_HDRS 2u

typedef struct ringmx_recipient {
    uint32_t size;             /* of this struct, octets */
    uint32_t notify;           /* RINGMX_NOTIFY_* */
    ringmx_bytes forward_path; /* without angle brackets and source route: "user@example.com", "postmaster" */
    ringmx_bytes orcpt;        /* ORCPT as given, "rfc822;user+40example.com" (RFC 3461 §4.2); empty: none */
} ringmx_recipient;

typedef struct ringmx_message {
    uint32_t size;  /* of this struct, octets */
    uint32_t flags; /* RINGMX_ESMTP, ... */

    uint8_t id[16];   /* 128 bits, ordered by time (UUIDv7); the key for de-duplication: a message that is
                         submitted again, after a retry or a crash, has the id that it had before */
    char id_text[40]; /* the same as in the 250, the log and the trace header; ended by NUL */
    uint64_t token;   /* names this submission in complete() */

    int64_t received_us;        /* when MAIL was accepted: microseconds since 1970, UTC */
    uint8_t client_address[16]; /* network order; IPv4 as ::ffff:a.b.c.d */
    uint16_t client_port;       /* host order */
    uint16_t reserved0;
    uint32_t ret;             /* RINGMX_RET_* */
    ringmx_bytes client_name; /* argument of EHLO or HELO, as given */

    ringmx_bytes reverse_path; /* without angle brackets and source route; empty: the null reverse-path */
    ringmx_bytes envid;        /* ENVID of MAIL as given, xtext (RFC 3461 §4.4); empty: none */

    const ringmx_recipient* recipients; /* in the order of the transaction; see ringmx_recipient_at */
    uint32_t recipient_count;           /* at least 1 */

    uint32_t span_count;       /* at least 1 */
    const ringmx_bytes* spans; /* the content: trace header and mail data, in this order, without dot stuffing
                                  and terminator; lines end in CR LF (smtp.bare_newline says what else) */
    uint64_t octets;           /* of all spans together */
} ringmx_message;

static inline const ringmx_recipient* ringmx_recipient_at(const ringmx_message* message, uint32_t index) {
    return (const ringmx_recipient*)(const void*)((const char*)message->recipients +
                                                  (size_t)index * message->recipients->size);
}

/* A key of the configuration table `storage.plugin.options` (of a shipped backend: `storage.NAME`). */
typedef struct ringmx_option {
    uint32_t size; /* of this struct, octets */
    uint32_t reserved0;
    const char* name;  /* ended by NUL */
    const char* value; /* ended by NUL; numbers and booleans as in the file, an array as one option for each
                          element, all of the same name */
} ringmx_option;

static inline const ringmx_option* ringmx_option_at(const ringmx_option* options, uint32_t index) {
    return index == 0
               ? options
               : (const ringmx_option*)(const void*)((const char*)options + (size_t)index * options->size);
}

/* What ringmx offers to an instance. Valid from open() until close() returns. Every function may be called
 * from any thread, must be given the same `host`, and does not block. */
typedef struct ringmx_host {
    uint32_t size; /* of this struct, octets */
    uint32_t abi;  /* RINGMX_BACKEND_ABI of the server */

    /* The answer for the submission `token`. `text` (`text_octets` long; at most 200 are kept) explains
     * retry and reject to the client and in the log; it is copied. */
    void (*complete)(const struct ringmx_host* host, uint64_t token, ringmx_status status, const char* text,
                     size_t text_octets);
    /* A line in the server's log; `text` is copied. */
    void (*log)(const struct ringmx_host* host, ringmx_log_level level, const char* text, size_t text_octets);
    /* Makes, or finds, a counter that `ringmxctl status` shows as NAME.name. In open() only; at most 32. The
     * name is copied: letters, digits and underscores. NULL: there is none left. */
    struct ringmx_counter* (*counter)(const struct ringmx_host* host, const char* name);
    void (*count)(const struct ringmx_host* host, struct ringmx_counter* counter, uint64_t add);
    int64_t (*monotonic_ns)(const struct ringmx_host* host); /* CLOCK_MONOTONIC */
    int64_t (*wall_us)(const struct ringmx_host* host);      /* microseconds since 1970, UTC */
    /* Memory that lives until close() returns, aligned to 16 octets, for copies of options and the like.
     * Ends the process when there is none. */
    void* (*allocate)(const struct ringmx_host* host, size_t octets);
} ringmx_host;

/* What open() fills in. ringmx sets size and zeroes the rest before. */
typedef struct ringmx_instance {
    uint32_t size;                /* of this struct, octets */
    ringmx_durability durability; /* of RINGMX_STORED, with these options */
    void* self;                   /* passed to every other function */
    uint32_t in_flight_max;       /* submissions that it wants at most at a time; 0: as many as there are */
    uint32_t reserved0;
} ringmx_instance;

/* The backend itself: constant, static storage duration. A function that is NULL is not called; open and
 * submit are needed. */
typedef struct ringmx_backend {
    uint32_t size;       /* sizeof(ringmx_backend) */
    uint32_t abi;        /* RINGMX_BACKEND_ABI */
    const char* name;    /* for the log and the counters: letters, digits and underscores */
    const char* version; /* its own */

    /* Opens an instance. Options and their texts are valid until it returns. 0, or not 0 after a sentence
     * was written to `error` (at most error_octets, NUL included): then the server does not start. May
     * block. An option that it does not know should be an error. */
    int (*open)(const ringmx_host* host, const ringmx_option* options, uint32_t option_count,
                ringmx_instance* instance, char* error, size_t error_octets);
    /* Takes `count` messages; the array is valid until it returns, the messages until they are completed. */
    void (*submit)(void* self, const ringmx_message* const* messages, size_t count);
    /* After the last submit() of a turn of the worker: start what was gathered. */
    void (*flush)(void* self);
    /* About four times a second. */
    void (*tick)(void* self);
    /* No more messages will come. Completes what is in flight, or gives it up: what is not completed when it
     * returns counts as retry. Stops every thread of its own, frees everything. May block for a few seconds.
     */
    void (*close)(void* self);
} ringmx_backend;

typedef const ringmx_backend* (*ringmx_backend_entry_function)(void);

#ifdef __cplusplus
}
#endif
#endif
