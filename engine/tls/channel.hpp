// tls::Channel: the server's end of one TLS connection, sans I/O: ciphertext goes in and plaintext comes out,
// plaintext goes in and ciphertext comes out. RFC 8446, RFC 5246. It has no socket, no clock and no thread.
//
// What it costs: OpenSSL's buffers are held only while there is part of a record in them; what the channel
// itself has to say (handshake, alerts) is held until it is taken, at most limits::tls_kept_octets_max.
// One channel, one thread. OpenSSL's error queue of the thread is empty after each call.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "tls/failure.hpp"
#include "tls/span_bio.hpp"

struct ssl_st;
struct x509_st;

namespace ringmx::tls {

class Context;

// What was agreed upon; static texts of OpenSSL's: "TLSv1.3", "TLS_AES_256_GCM_SHA384".
struct ChannelFacts {
    std::string_view version;
    std::string_view cipher;
    bool resumed = false;
};

// What the client showed of itself. It has the key of its certificate; who has vouched for the names in it
// says `verified`.
struct ClientCertificate {
    std::array<std::uint8_t, 32> sha256{};  // of the certificate's DER
    std::string subject;                    // RFC 2253, at most 255 octets
    bool verified = false;                  // one of ContextOptions::client_authorities has issued it
    std::string_view
        problem{};  // why it is not verified, in OpenSSL's words, static; empty without authorities
};

class Channel {
 public:
    //   handshake  give it ciphertext; take what it has to say
    //   open       both directions carry data
    //   ended      the client has said that nothing more comes (close_notify); ours may go on
    //   failed     nothing comes any more; an alert that says why may be left to send
    enum class State : std::uint8_t { handshake, open, ended, failed };

    // Null: out of memory. Keeps `context`.
    static std::unique_ptr<Channel> accept(std::shared_ptr<const Context> context);
    ~Channel();
    Channel(const Channel&) = delete;
    Channel& operator=(const Channel&) = delete;

    State state() const { return state_; }

    // Takes ciphertext off the front of `ciphertext`: a step of the handshake, or decryption into
    // `plaintext`. Returns the octets of plaintext. Ends when `plaintext` is full or more ciphertext is
    // needed; in any other state than `open` all of the ciphertext is taken, or void.
    std::size_t open(Bytes& ciphertext, MutableBytes plaintext);
    // Writes what the channel has to say, then encrypts from the front of `plaintext` as much as fits.
    // Returns the octets of ciphertext. Not with plaintext before the handshake is done.
    std::size_t seal(Bytes& plaintext, MutableBytes ciphertext);
    // Says close_notify, once all plaintext has been sealed; take it with seal().
    void close();

    // Something waits to be taken with seal().
    bool has_output() const { return ends_.kept_octets() > 0; }
    // open() with no more ciphertext would give plaintext: of a record that did not fit into the last room.
    bool has_plaintext() const;
    // Whether part of a record is here, and how much is missing of it, or of its header.
    bool in_record() const { return ends_.in_record; }
    std::size_t octets_missing() const { return ends_.octets_missing; }

    Failure failure() const { return failure_; }                     // once failed
    std::string_view failure_text() const { return failure_text_; }  // OpenSSL's words; may be empty
    ChannelFacts facts() const;                                      // once the handshake is done
    std::optional<ClientCertificate> client_certificate() const;
    std::string_view server_name() const;  // that the client asked for; empty: none. Valid as long as this

 private:
    explicit Channel(std::shared_ptr<const Context> context);
    void shake_hands();
    void look_at_head(Bytes ciphertext);
    static void watch(int sent, int version, int type, const void* octets, std::size_t count, ssl_st* ssl,
                      void* channel);
    void see_record(std::uint8_t type);
    std::size_t read(MutableBytes plaintext);
    void settle(int result);
    void fail(Failure failure, std::string_view text);
    long verification(const x509_st* certificate) const;

    const std::shared_ptr<const Context> context_;
    ssl_st* ssl_ = nullptr;
    SpanBio ends_;
    std::string_view failure_text_;
    State state_ = State::handshake;
    Failure failure_ = Failure::none;
    std::array<std::byte, 9> head_{};  // of the first record, and of the message in it
    std::size_t head_octets_ = 0;
    std::uint64_t data_octets_ = 0;  // plaintext that has come
    std::uint64_t rekeys_ = 0;       // handshake records on the open connection
    bool refused_ = false;           // the client does what is not accepted
    bool closed_ = false;
};

}  // namespace ringmx::tls
