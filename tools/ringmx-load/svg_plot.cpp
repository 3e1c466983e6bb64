#include "svg_plot.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace ringmx::load {
namespace {

constexpr double kWidth = 860;
constexpr double kHeight = 320;
constexpr double kLeft = 80;
constexpr double kRight = 20;
constexpr double kTop = 30;
constexpr double kBottom = 48;

// 1, 2 or 5 times a power of ten, such that about `count` steps make up `span`.
double round_step(double span, double count) {
    const double rough = span / count;
    const double power = std::pow(10.0, std::floor(std::log10(rough)));
    for (const double factor : {1.0, 2.0, 5.0}) {
        if (rough <= factor * power) return factor * power;
    }
    return 10 * power;
}

std::string short_number(double value) {
    if (value >= 1e6) return fmt::format("{:g}M", value / 1e6);
    if (value >= 1e4) return fmt::format("{:g}k", value / 1e3);
    return fmt::format("{:g}", value);
}

class Axes {
 public:
    explicit Axes(const Plot& plot) : plot_(plot) {
        double low = 1e300;
        double high = -1e300;
        for (const PlotLine& line : plot.lines) {
            for (const auto& [x, y] : line.points) {
                if (plot.y_log && y <= 0) continue;
                low = std::min(low, y);
                high = std::max(high, y);
            }
        }
        empty_ = low > high;
        if (empty_) return;
        if (plot.y_log) {
            low_ = std::floor(std::log10(low));
            high_ = std::max(std::ceil(std::log10(high)), low_ + 1);
        } else {
            low_ = 0;
            step_ = round_step(std::max(high, 1e-9), 5);
            high_ = std::max(std::ceil(high / step_), 1.0) * step_;
        }
    }
    bool empty() const { return empty_; }
    double x(double value) const {
        const double span = std::max(plot_.x_max - plot_.x_min, 1e-9);
        return kLeft + (value - plot_.x_min) / span * (kWidth - kLeft - kRight);
    }
    double y(double value) const {
        const double place = ((plot_.y_log ? std::log10(value) : value) - low_) / (high_ - low_);
        return kHeight - kBottom - place * (kHeight - kTop - kBottom);
    }
    std::vector<PlotTick> y_ticks() const {
        std::vector<PlotTick> ticks;
        if (plot_.y_log) {
            for (double power = low_; power <= high_ + 0.5; ++power)
                ticks.push_back({std::pow(10.0, power), short_number(std::pow(10.0, power))});
        } else {
            for (double at = 0; at <= high_ + step_ / 2; at += step_)
                ticks.push_back({at, short_number(at)});
        }
        return ticks;
    }
    std::vector<PlotTick> x_ticks() const {
        if (!plot_.x_ticks.empty()) return plot_.x_ticks;
        std::vector<PlotTick> ticks;
        const double step = round_step(std::max(plot_.x_max - plot_.x_min, 1e-9), 8);
        for (double at = std::ceil(plot_.x_min / step) * step; at <= plot_.x_max + step / 1e6; at += step)
            ticks.push_back({at, short_number(at)});
        return ticks;
    }

 private:
    const Plot& plot_;
    bool empty_ = true;
    double low_ = 0;
    double high_ = 1;
    double step_ = 1;
};

void append_grid(std::string& out, const Plot& plot, const Axes& axes) {
    if (plot.shaded_to > plot.x_min) {
        out +=
            fmt::format("<rect x='{:.1f}' y='{:.1f}' width='{:.1f}' height='{:.1f}' class='shade'/>", kLeft,
                        kTop, axes.x(std::min(plot.shaded_to, plot.x_max)) - kLeft, kHeight - kTop - kBottom);
    }
    for (const PlotTick& tick : axes.y_ticks()) {
        const double y = axes.y(tick.at);
        out += fmt::format(
            "<line x1='{0:.1f}' x2='{1:.1f}' y1='{2:.1f}' y2='{2:.1f}' class='grid'/>"
            "<text x='{3:.1f}' y='{4:.1f}' text-anchor='end'>{5}</text>",
            kLeft, kWidth - kRight, y, kLeft - 8, y + 4, html_escaped(tick.text));
    }
    for (const PlotTick& tick : axes.x_ticks()) {
        const double x = axes.x(tick.at);
        out += fmt::format(
            "<line x1='{0:.1f}' x2='{0:.1f}' y1='{1:.1f}' y2='{2:.1f}' class='grid'/>"
            "<text x='{0:.1f}' y='{3:.1f}' text-anchor='middle'>{4}</text>",
            x, kTop, kHeight - kBottom, kHeight - kBottom + 18, html_escaped(tick.text));
    }
    out += fmt::format("<text x='{:.1f}' y='{:.1f}' text-anchor='middle' class='name'>{}</text>",
                       (kLeft + kWidth - kRight) / 2, kHeight - 8, html_escaped(plot.x_name));
    out += fmt::format(
        "<text transform='translate(16 {:.1f}) rotate(-90)' text-anchor='middle' class='name'>{}</text>",
        (kTop + kHeight - kBottom) / 2, html_escaped(plot.y_name));
}

void append_lines(std::string& out, const Plot& plot, const Axes& axes) {
    double legend_x = kLeft;
    for (const PlotLine& line : plot.lines) {
        std::string path;
        for (const auto& [x, y] : line.points) {
            if (plot.y_log && y <= 0) continue;
            path += fmt::format("{}{:.1f} {:.1f}", path.empty() ? "M" : "L", axes.x(x), axes.y(y));
        }
        if (path.empty()) continue;
        out += fmt::format("<path d='{}' fill='none' stroke='{}' stroke-width='2' stroke-linejoin='round'/>",
                           path, line.colour);
        if (line.points.size() == 1) {
            out += fmt::format("<circle cx='{:.1f}' cy='{:.1f}' r='3' fill='{}'/>",
                               axes.x(line.points[0].first), axes.y(line.points[0].second), line.colour);
        }
        out += fmt::format(
            "<line x1='{0:.1f}' x2='{1:.1f}' y1='14' y2='14' stroke='{2}' stroke-width='3'/>"
            "<text x='{3:.1f}' y='18'>{4}</text>",
            legend_x, legend_x + 18, line.colour, legend_x + 24, html_escaped(line.name));
        legend_x += 24 + 8.0 * static_cast<double>(line.name.size()) + 24;
    }
}

}  // namespace

std::string html_escaped(const std::string& text) {
    std::string out;
    for (const char c : text) {
        switch (c) {
            case '&':
                out += "&amp;";
                break;
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            case '"':
                out += "&quot;";
                break;
            case '\'':
                out += "&#39;";
                break;
            default:
                out += c;
        }
    }
    return out;
}

std::string svg_plot(const Plot& plot) {
    const Axes axes(plot);
    if (axes.empty()) return "<p>Nothing was recorded.</p>";
    std::string out = fmt::format("<svg viewBox='0 0 {:g} {:g}' role='img' aria-label='{} by {}'>", kWidth,
                                  kHeight, html_escaped(plot.y_name), html_escaped(plot.x_name));
    append_grid(out, plot, axes);
    append_lines(out, plot, axes);
    return out + "</svg>\n";
}

}  // namespace ringmx::load
