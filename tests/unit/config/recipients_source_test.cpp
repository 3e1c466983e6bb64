// What accept.recipients may name.
#include "config/recipients_source.hpp"

#include <gtest/gtest.h>

#include "config/config.hpp"

namespace ringmx::config {
namespace {

using Kind = RecipientsSource::Kind;

RecipientsSource parse(std::string_view text) {
    const auto source = parse_recipients(text);
    EXPECT_TRUE(source.ok()) << text << (source.ok() ? "" : ": " + source.error().message);
    return source.ok() ? *source : RecipientsSource{};
}

TEST(RecipientsSource, PathsAndKindsAreToldApart) {
    struct Case {
        const char* text;
        Kind kind;
        const char* path;
    };
    for (const Case& c : std::initializer_list<Case>{{"", Kind::everybody, ""},
                                                     {"/etc/recipients", Kind::file, "/etc/recipients"},
                                                     {"recipients", Kind::file, "recipients"},
                                                     {"/etc/a:b", Kind::file, "/etc/a:b"},
                                                     {"./a:b", Kind::file, "./a:b"},
                                                     {"file:a:b", Kind::file, "a:b"},
                                                     {"table:/etc/r.table", Kind::table, "/etc/r.table"},
                                                     {"lmdb:/etc/r", Kind::lmdb, "/etc/r"}}) {
        EXPECT_EQ(parse(c.text).kind, c.kind) << c.text;
        EXPECT_EQ(parse(c.text).path, c.path) << c.text;
        EXPECT_EQ(to_text(parse(to_text(parse(c.text)))), to_text(parse(c.text)));
        EXPECT_EQ(parse(to_text(parse(c.text))).path, c.path);
    }
}

TEST(RecipientsSource, SocketmapsHaveAnAddressAndAName) {
    const RecipientsSource local = parse("socketmap:unix:/run/a:b/socket:virtual");
    EXPECT_EQ(local.kind, Kind::socketmap);
    EXPECT_EQ(local.path, "/run/a:b/socket");
    EXPECT_EQ(local.map, "virtual");
    const RecipientsSource remote = parse("socketmap:inet:192.0.2.1:9999:virtual");
    EXPECT_EQ(remote.path, "");
    EXPECT_EQ(remote.address.port, 9999);
    EXPECT_EQ(remote.address.family, PeerAddress::Family::ipv4);
    EXPECT_EQ(parse("socketmap:inet:[2001:db8::1]:25:m").address.family, PeerAddress::Family::ipv6);
    EXPECT_EQ(to_text(parse("socketmap:inet:localhost:25:m")), "socketmap:inet:127.0.0.1:25:m");
    EXPECT_EQ(to_text(parse("socketmap:inet:[2001:db8::1]:25:m")), "socketmap:inet:[2001:db8::1]:25:m");
    EXPECT_EQ(to_text(local), "socketmap:unix:/run/a:b/socket:virtual");
}

TEST(RecipientsSource, ServicesOverHttpHaveAUrl) {
    for (const char* url :
         {"http://127.0.0.1:8080/r/{recipient}", "https://id.example.com/?d={domain}&l={local}"}) {
        EXPECT_EQ(parse(url).kind, Kind::http);
        EXPECT_EQ(parse(url).url, url);
        EXPECT_EQ(parse(url).path, "");
        EXPECT_EQ(to_text(parse(url)), url);
    }
}

TEST(RecipientsSource, WhatIsWrongIsSaid) {
    for (const char* text :
         {"http:", "https://", "http://host/r", "http:/etc/recipients", "hash:/etc/postfix/virtual",
          "table:", "lmdb:", "file:", "socketmap:", "socketmap:x:y:z", "socketmap:unix:/run/s",
          "socketmap:unix::name", "socketmap:unix:/run/s:", "socketmap:unix:/run/s:a b",
          "socketmap:inet:mx:25:name", "socketmap:inet:127.0.0.1:name", "socketmap:inet:127.0.0.1:0:name"}) {
        EXPECT_FALSE(parse_recipients(text).ok()) << text;
    }
    EXPECT_EQ(parse_recipients("hash:/x").error().message,
              "there is no kind \"hash\"; the kinds are file, table, lmdb, socketmap, http and https");
}

TEST(RecipientsSource, PathsAreRelativeToTheConfiguration) {
    const auto recipients = [](const std::string& value) {
        const auto config =
            load_text("[server]\nhostname = \"mx.example.com\"\n[accept]\nrecipients = \"" + value + "\"\n",
                      "x.toml", "/etc/ringmx");
        return config.ok() ? config->accept.recipients : config.error().message;
    };
    EXPECT_EQ(recipients("recipients"), "/etc/ringmx/recipients");
    EXPECT_EQ(recipients("file:recipients"), "/etc/ringmx/recipients");
    EXPECT_EQ(recipients("table:a.table"), "table:/etc/ringmx/a.table");
    EXPECT_EQ(recipients("socketmap:unix:s:n"), "socketmap:unix:/etc/ringmx/s:n");
    EXPECT_EQ(recipients("socketmap:inet:127.0.0.1:25:n"), "socketmap:inet:127.0.0.1:25:n");
    EXPECT_EQ(recipients("https://id.example.com/{recipient}"), "https://id.example.com/{recipient}");
    EXPECT_EQ(
        recipients("http://id.example.com/{user}"),
        "x.toml:4: accept.recipients: \"http://id.example.com/{user}\" is not allowed: \"{user}\" is no "
        "placeholder; there are {recipient}, {local} and {domain}");
    EXPECT_EQ(recipients(""), "");
    EXPECT_EQ(recipients("mysql:/x"),
              "x.toml:4: accept.recipients: \"mysql:/x\" is not allowed: there is no kind \"mysql\"; the "
              "kinds are file, "
              "table, lmdb, socketmap, http and https");
}

TEST(RecipientsSource, AServicesDeadlineIsBelowTheSessions) {
    const std::string text =
        "[server]\nhostname = \"mx.example.com\"\n[timeouts]\ncommand = 5\n[accept]\nrecipients = "
        "\"socketmap:unix:/s:n\"\n";
    const auto config = load_text(text, "x.toml", "/");
    ASSERT_FALSE(config.ok());
    EXPECT_NE(config.error().message.find("accept.socketmap.deadline"), std::string::npos)
        << config.error().message;
    EXPECT_TRUE(load_text(text + "[accept.socketmap]\ndeadline = 4\n", "x.toml", "/").ok());
}

std::string http_error(const std::string& more, const std::string& url = "https://x.test/{recipient}") {
    const auto config =
        load_text("[server]\nhostname = \"mx.example.com\"\n[accept]\nrecipients = \"" + url + "\"\n" + more,
                  "x.toml", "/etc/ringmx");
    return config.ok() ? "" : config.error().message;
}

TEST(RecipientsSource, HowAServiceIsAskedOverHttpIsChecked) {
    EXPECT_EQ(http_error("[accept.http]\nca_file = \"ca.pem\"\nheaders = [\"X-Key: a b\", \"Accept:*/*\"]\n"),
              "");
    EXPECT_EQ(http_error("[accept.http]\ndeadline = 4\n[timeouts]\ncommand = 5\n"), "");
    EXPECT_NE(http_error("[timeouts]\ncommand = 5\n").find("accept.http.deadline: \"5s\" is not less"),
              std::string::npos);
    EXPECT_NE(http_error("[accept.http]\nca_file = \"ca.pem\"\n", "http://x.test/{recipient}")
                  .find("x.toml:6: accept.http.ca_file: is for a service at https://"),
              std::string::npos);
    EXPECT_NE(http_error("[accept.http]\nbearer_token_file = \"t\"\nheaders = [\"AUTHORIZATION: Basic x\"]\n")
                  .find("accept.http.headers: has Authorization"),
              std::string::npos);
    // With more than one domain an address of one of them would be asked for in the name of all.
    EXPECT_NE(http_error("", "https://x.test/{local}").find("asks for {local} without {domain}"),
              std::string::npos);
    EXPECT_EQ(http_error("", "https://x.test/{domain}/{local}"), "");
    EXPECT_EQ(http_error("domains = [\"example.com\"]\n", "https://x.test/{local}"), "");
    for (const char* field : {"", ":", "X-A", "X-A:", "X-A:  ", "X A: 1", "X-A: 1\\r\\nX-B: 2", "HOST: x",
                              "content-length: 0", "Transfer-Encoding: chunked", ": x", "X-A: \u00e4"}) {
        EXPECT_NE(http_error("[accept.http]\nheaders = [\"" + std::string(field) + "\"]\n"), "") << field;
    }
}

TEST(RecipientsSource, DelimitersAreVisibleCharacters) {
    const auto good = [](const std::string& value) {
        return load_text(
                   "[server]\nhostname = \"mx.example.com\"\n[accept]\nrecipient_delimiter = " + value + "\n",
                   "x.toml", "/")
            .ok();
    };
    for (const char* value : {"\"\"", "\"+\"", "\"+-=\""})
        EXPECT_TRUE(good(value)) << value;
    for (const char* value : {"\" \"", "\"@\"", "\"\u00e4\"", "\"01234567890123456\"", "1"})
        EXPECT_FALSE(good(value)) << value;
}

}  // namespace
}  // namespace ringmx::config
