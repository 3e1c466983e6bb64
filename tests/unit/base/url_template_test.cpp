// URLs with placeholders: what is put in has no meaning of its own, and what is wrong is said.
#include "base/url_template.hpp"

#include <gtest/gtest.h>

namespace ringmx {
namespace {

std::string expanded(std::string_view url, std::string_view local_part,
                     std::string_view domain = "example.com") {
    const auto made = UrlTemplate::parse(url);
    EXPECT_TRUE(made.ok()) << url << (made.ok() ? "" : ": " + made.error().message);
    return made.ok() ? made->expand(local_part, domain) : "";
}

std::string problem_of(std::string_view url) {
    const auto made = UrlTemplate::parse(url);
    return made.ok() ? "" : made.error().message;
}

TEST(UrlTemplate, AddressesStandWhereThePlaceholdersStood) {
    EXPECT_EQ(expanded("http://h/r/{recipient}", "alice"), "http://h/r/alice%40example.com");
    EXPECT_EQ(expanded("https://h:8443/{domain}/{local}?x=1", "alice"),
              "https://h:8443/example.com/alice?x=1");
    EXPECT_EQ(expanded("http://[::1]:80?a={recipient}&b={local}", "a"),
              "http://[::1]:80?a=a%40example.com&b=a");
}

TEST(UrlTemplate, NothingOfAnAddressHasAMeaning) {
    EXPECT_EQ(expanded("http://h/{local}", "a+b/c%d?e#f&g=h i\"j\\k@l:m;n,o'p"),
              "http://h/a%2Bb%2Fc%25d%3Fe%23f%26g%3Dh%20i%22j%5Ck%40l%3Am%3Bn%2Co%27p");
    EXPECT_EQ(expanded("http://h/{local}", "gr\xc3\xbc\xc3\x9f"), "http://h/gr%C3%BC%C3%9F");
    EXPECT_EQ(expanded("http://h/{local}", "a-b.c_d~e9"), "http://h/a-b.c_d~e9");
    EXPECT_EQ(expanded("http://h/{local}/{domain}", "{domain}", "[192.0.2.1]"),
              "http://h/%7Bdomain%7D/%5B192.0.2.1%5D");
    EXPECT_EQ(expanded("http://h/{local}", "a\r\nHost: x"), "http://h/a%0D%0AHost%3A%20x");
}

TEST(UrlTemplate, DotsThatWouldNameAnotherPlaceAreNotAskedFor) {
    EXPECT_EQ(expanded("http://h/{domain}/{local}", ".."), "");
    EXPECT_EQ(expanded("http://h/{domain}/{local}", "."), "");
    EXPECT_EQ(expanded("http://h/{domain}/{local}", "..."), "http://h/example.com/...");
    EXPECT_EQ(expanded("http://h/{recipient}", ".."), "http://h/..%40example.com");
}

TEST(UrlTemplate, TheOriginIsWhatStandsBeforeThePath) {
    const auto made = UrlTemplate::parse("https://id.example.com:8443/r?a={recipient}");
    ASSERT_TRUE(made.ok());
    EXPECT_EQ(made->origin(), "https://id.example.com:8443");
    EXPECT_EQ(made->text(), "https://id.example.com:8443/r?a={recipient}");
}

TEST(UrlTemplate, WhatIsWrongIsSaid) {
    EXPECT_EQ(problem_of("ftp://h/{recipient}"), "a URL begins with \"http://\" or \"https://\"");
    EXPECT_EQ(problem_of("http:/h/{recipient}"), "a URL begins with \"http://\" or \"https://\"");
    EXPECT_EQ(problem_of("http:///{recipient}"), "behind \"http://\" there is no host");
    EXPECT_EQ(problem_of("http://a b/{recipient}"),
              "a URL is of visible ASCII characters; write others as %XX");
    EXPECT_EQ(problem_of("http://\xc3\xa4/{recipient}"),
              "a URL is of visible ASCII characters; write others as %XX");
    EXPECT_EQ(problem_of("http://h:0/{recipient}"), "its port is none");
    EXPECT_EQ(problem_of("http://h:65536/{recipient}"), "its port is none");
    EXPECT_EQ(problem_of("http://u:p@h/{recipient}"),
              "a URL holds no password: give accept.http.headers or bearer_token_file");
    EXPECT_EQ(problem_of("http://{domain}/{recipient}"),
              "a placeholder stands behind the host, in the path or in the query");
    EXPECT_EQ(problem_of("http://h/{recipient}#x"), "a service's URL has no \"#\"");
    EXPECT_EQ(problem_of("http://h/{user}"),
              "\"{user}\" is no placeholder; there are {recipient}, {local} and {domain}");
    EXPECT_EQ(problem_of("http://h/{recipient"),
              "\"{recipient\" is no placeholder; there are {recipient}, {local} and {domain}");
    EXPECT_EQ(problem_of("http://h/}{recipient}"),
              "\"}\" is no placeholder; there are {recipient}, {local} and {domain}");
    EXPECT_EQ(problem_of("http://h/{domain}"),
              "a URL needs {recipient}, or {local} and {domain}, where the address is put in");
}

}  // namespace
}  // namespace ringmx
