#include "base/path_template.hpp"

#include <gtest/gtest.h>

namespace ringmx {
namespace {

std::string refusal(std::string_view path) {
    const auto parsed = PathTemplate::parse(path);
    return parsed.ok() ? "" : parsed.error().message;
}

TEST(PathTemplate, WithoutPlaceholderIsOnePath) {
    const auto parsed = PathTemplate::parse("/var/mail/x");
    ASSERT_TRUE(parsed.ok());
    EXPECT_EQ(parsed->prefix, "/var/mail/x");
    EXPECT_TRUE(parsed->components.empty());
}

TEST(PathTemplate, PrefixEndsBeforeTheFirstComponentWithAPlaceholder) {
    struct Case {
        const char* path;
        const char* prefix;
        std::size_t components;
    };
    for (const Case& c : {Case{"/var/mail/{domain}/{local}/Maildir", "/var/mail", 3},
                          Case{"/var/mail//{domain}//x/", "/var/mail/", 2}, Case{"/{local}", "/", 1},
                          Case{"{local}", ".", 1}, Case{"mail/u-{local}", "mail", 1},
                          Case{"mail/{local}@{domain}", "mail", 1}, Case{"a/../b/.{local}", "a/../b", 1}}) {
        const auto parsed = PathTemplate::parse(c.path);
        ASSERT_TRUE(parsed.ok()) << c.path << ": " << refusal(c.path);
        EXPECT_EQ(parsed->prefix, c.prefix) << c.path;
        EXPECT_EQ(parsed->components.size(), c.components) << c.path;
    }
}

TEST(PathTemplate, ComponentsAreTextAndPlaceholders) {
    const auto parsed = PathTemplate::parse("/m/u-{local}-@{domain}.d");
    ASSERT_TRUE(parsed.ok());
    const auto& pieces = parsed->components.at(0).pieces;
    ASSERT_EQ(pieces.size(), 5u);
    EXPECT_EQ(pieces[0].text, "u-");
    EXPECT_EQ(pieces[1].placeholder, Placeholder::local);
    EXPECT_EQ(pieces[2].text, "-@");
    EXPECT_EQ(pieces[3].placeholder, Placeholder::domain);
    EXPECT_EQ(pieces[4].text, ".d");
    EXPECT_EQ(parsed->components[0].value_octets_max, (255u - 6) / 2);
}

TEST(PathTemplate, SaysWhatIsWrong) {
    const std::string long_text(160, 'x');
    struct Case {
        std::string path;
        const char* says;
    };
    for (const Case& c :
         {Case{"/m/{user}", "{user} is no placeholder; {domain} and {local} are"},
          Case{"/m/{Local}", "{Local} is no placeholder"}, Case{"/m/{}", "{} is no placeholder"},
          Case{"/m/{domain", "brace"}, Case{"/m/domain}", "brace"}, Case{"/m/{local}/{dom/ain}", "brace"},
          Case{"/m/{domain}{local}", "\"@\""}, Case{"/m/{local}-{domain}", "\"@\""},
          Case{"/m/{local}@{domain}.{local}", "\"@\""}, Case{"/m/{local}/../x", "\"..\""},
          Case{"/m/{local}/./x", "\".\""}, Case{"/m/.ringmx-{local}", ".ringmx"},
          Case{"/m/" + long_text + "{local}", "too little room"},
          Case{"/m/{local}/" + long_text + long_text, "255 octets"},
          Case{"/m/{local}/1/2/3/4/5/6/7/8/9/a/b/c/d/e/f", "15 folders"}}) {
        EXPECT_NE(refusal(c.path).find(c.says), std::string::npos) << c.path << ": " << refusal(c.path);
    }
}

}  // namespace
}  // namespace ringmx
