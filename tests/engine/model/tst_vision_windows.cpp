// The worked examples of the specification's section 5.6.

#include "engine/model/vision_windows.h"

#include <QTest>

#include <algorithm>
#include <numeric>

using namespace argus::model;

namespace {

using List = std::vector<std::int32_t>;

const List kTwelveByTen{0,  1, 2, 3,  5,  6,  7,  8,  10, 11, 12, 13, 15, 16, 17,
                        18, 4, 9, 14, 19, 20, 21, 22, 23, 25, 26, 27, 28, 24, 29};

VisionWindows windowsOf(std::vector<Grid> grids)
{
    return visionWindows(VisionConfig{}, grids);
}

} // namespace

class TstVisionWindows : public QObject {
    Q_OBJECT
private slots:
    void twelveByTen();
    void wholeWindowsLeaveNoEmptyOnes();
    void slicesAreSeparate();
    void itemsFollowEachOther();
    void positionsFollowTheOrder();
    void everyTokenStandsOnce();
    void nothingHasNoWindows();
};

void TstVisionWindows::twelveByTen()
{
    const VisionWindows windows = windowsOf({{1, 12, 10}});
    QCOMPARE(windows.order, kTwelveByTen);
    QCOMPARE(windows.windowEnds, (List{0, 64, 80, 112, 120}));
    QCOMPARE(windows.sliceEnds, (List{0, 120}));
}

void TstVisionWindows::wholeWindowsLeaveNoEmptyOnes()
{
    const VisionWindows windows = windowsOf({{1, 16, 16}});
    QCOMPARE(windows.windowEnds, (List{0, 64, 128, 192, 256}));
    QCOMPARE(List(windows.order.begin(), windows.order.begin() + 20),
             (List{0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27, 4, 5, 6, 7}));
}

void TstVisionWindows::slicesAreSeparate()
{
    const VisionWindows windows = windowsOf({{2, 8, 12}});
    QCOMPARE(windows.order,
             (List{0,  1,  2,  3,  6,  7,  8,  9,  12, 13, 14, 15, 18, 19, 20, 21, 4,  5,  10, 11, 16, 17, 22, 23,
                   24, 25, 26, 27, 30, 31, 32, 33, 36, 37, 38, 39, 42, 43, 44, 45, 28, 29, 34, 35, 40, 41, 46, 47}));
    QCOMPARE(windows.windowEnds, (List{0, 64, 96, 160, 192}));
    QCOMPARE(windows.sliceEnds, (List{0, 96, 192}));
}

void TstVisionWindows::itemsFollowEachOther()
{
    const VisionWindows windows = windowsOf({{1, 4, 6}, {1, 12, 10}});
    List expected{0, 1, 2, 3, 4, 5};
    // a grid of 2 by 3 tokens is one window; 0 … 5 is also its order, row by row
    for (const std::int32_t token : kTwelveByTen)
        expected.push_back(token + 6);
    QCOMPARE(windows.order, expected);
    QCOMPARE(windows.windowEnds, (List{0, 24, 88, 104, 136, 144}));
    QCOMPARE(windows.sliceEnds, (List{0, 24, 144}));
}

void TstVisionWindows::positionsFollowTheOrder()
{
    const VisionWindows windows = windowsOf({{1, 12, 10}});
    const auto at = [&](int place, int patch) {
        const auto index = static_cast<std::size_t>(place * 4 + patch);
        return std::pair(windows.positions[index], windows.positions[120 + index]);
    };
    QCOMPARE(windows.positions.size(), std::size_t{240});
    QCOMPARE(at(0, 0), std::pair(0, 0));
    QCOMPARE(at(0, 1), std::pair(0, 1));
    QCOMPARE(at(0, 2), std::pair(1, 0));
    QCOMPARE(at(4, 3), std::pair(3, 1));   // token 5: second row, first column
    QCOMPARE(at(16, 0), std::pair(0, 8));  // token 4: first row, last column
    QCOMPARE(at(29, 3), std::pair(11, 9)); // token 29, the last corner
}

void TstVisionWindows::everyTokenStandsOnce()
{
    const std::vector<Grid> grids{{3, 2, 34}, {1, 30, 6}, {2, 18, 10}};
    const VisionWindows windows = windowsOf(grids);
    List sorted = windows.order;
    std::sort(sorted.begin(), sorted.end());
    List all(sorted.size());
    std::iota(all.begin(), all.end(), 0);
    QCOMPARE(sorted, all);
    QCOMPARE(static_cast<std::size_t>(windows.windowEnds.back()), sorted.size() * 4);
    QCOMPARE(windows.sliceEnds.size(), std::size_t{7});
    QVERIFY(std::adjacent_find(windows.windowEnds.begin(), windows.windowEnds.end(), std::greater_equal<>()) ==
            windows.windowEnds.end());
    for (const std::int32_t end : windows.sliceEnds) // no window reaches over a slice
        QVERIFY(std::binary_search(windows.windowEnds.begin(), windows.windowEnds.end(), end));
}

void TstVisionWindows::nothingHasNoWindows()
{
    const VisionWindows windows = windowsOf({});
    QCOMPARE(windows.windowEnds, (List{0}));
    QCOMPARE(windows.sliceEnds, (List{0}));
    QVERIFY(windows.order.empty());
}

QTEST_GUILESS_MAIN(TstVisionWindows)
#include "tst_vision_windows.moc"
