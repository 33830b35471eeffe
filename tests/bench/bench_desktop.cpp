// From the launch of the real desktop to a window that takes input, and to the first token of the first answer about a
// picture. The program starts without a display (offscreen), with a private head and an empty config folder; times are
// this program's clock.

#include <QCoreApplication>
#include <QElapsedTimer>
#include <QProcess>
#include <QTemporaryDir>

#include <algorithm>
#include <cstdio>
#include <vector>

namespace {

constexpr int kRuns = 5;
constexpr int kPatienceMs = 60'000;

struct Times {
    double window = -1;
    double firstToken = -1;
};

Times runOnce()
{
    const QTemporaryDir home;
    QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
    environment.insert("QT_QPA_PLATFORM", "offscreen");
    environment.insert("ARGUS_CONFIG_HOME", home.filePath("config"));
    environment.insert("ARGUS_RUNTIME_DIR", home.filePath("run"));
    environment.insert("ARGUS_CACHE_HOME", home.filePath("cache"));
    QProcess desktop;
    desktop.setProcessEnvironment(environment);
    Times times;
    QElapsedTimer clock;
    clock.start();
    desktop.start(ARGUS_BINARY_DIR "/bin/argus",
                  {"--trace-startup", "--quit-after-answer", "--language", "en", "--image",
                   ARGUS_SOURCE_DIR "/resources/samples/two-circles-and-a-star.png", "--ask",
                   "How many circles are there?"});
    desktop.setReadChannel(QProcess::StandardError);
    while (desktop.state() != QProcess::NotRunning && clock.elapsed() < kPatienceMs) {
        desktop.waitForReadyRead(1000);
        while (desktop.canReadLine()) {
            const QByteArray line = desktop.readLine();
            const double now = static_cast<double>(clock.nsecsElapsed()) / 1e6;
            if (line.startsWith("argus: window usable"))
                times.window = now;
            if (line.startsWith("argus: first token"))
                times.firstToken = now;
        }
    }
    desktop.kill();
    desktop.waitForFinished(5000);
    return times;
}

double median(std::vector<double> values)
{
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

} // namespace

int main(int argc, char** argv)
{
    const QCoreApplication application(argc, argv);
    std::vector<double> windows;
    std::vector<double> tokens;
    for (int i = 0; i < kRuns; ++i) {
        const Times times = runOnce();
        if (times.window < 0 || times.firstToken < 0) {
            std::fprintf(stderr, "bench_desktop: the desktop gave no answer\n");
            return 1;
        }
        windows.push_back(times.window);
        tokens.push_back(times.firstToken);
    }
    std::printf(
        "{\"name\":\"desktop: launch to usable window\",\"ms\":%.0f,\"worst_ms\":%.0f,\"limit_ms\":1500,\"runs\":%d}\n",
        median(windows), *std::max_element(windows.begin(), windows.end()), kRuns);
    std::printf("{\"name\":\"desktop: launch to first token of the first "
                "answer\",\"ms\":%.0f,\"worst_ms\":%.0f,\"limit_ms\":4000,\"runs\":%d}\n",
                median(tokens), *std::max_element(tokens.begin(), tokens.end()), kRuns);
    return 0;
}
