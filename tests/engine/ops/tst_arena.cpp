// Places in one piece of memory: never two in one spot, everything joined again when it comes back.

#include "engine/ops/arena.h"

#include <QtTest>

#include <map>
#include <random>

using argus::ops::Arena;

class TstArena : public QObject {
    Q_OBJECT

private slots:
    void placesBeginAtMultiplesOfTheAlignment()
    {
        Arena arena(4096);
        QCOMPARE(arena.take(1).value(), std::uint64_t{0});
        QCOMPARE(arena.take(257).value(), std::uint64_t{256});
        QCOMPARE(arena.take(0).value(), std::uint64_t{768});
        QCOMPARE(arena.used(), std::uint64_t{1024});
    }

    void whatDoesNotFitIsNotTaken()
    {
        Arena arena(1024);
        QVERIFY(!arena.take(1025));
        QVERIFY(arena.take(1024));
        QVERIFY(!arena.take(1));
        QVERIFY(!Arena(0).take(1));
        QVERIFY(!Arena(255).take(1)); // not even one place
    }

    void neighboursAreJoined()
    {
        Arena arena(1024);
        const auto first = arena.take(256).value();
        const auto second = arena.take(256).value();
        const auto third = arena.take(512).value();
        arena.giveBack(first);
        arena.giveBack(third);
        QCOMPARE(arena.largestFree(), std::uint64_t{512});
        arena.giveBack(second);
        QCOMPARE(arena.largestFree(), std::uint64_t{1024});
        QCOMPARE(arena.used(), std::uint64_t{0});
        QCOMPARE(arena.most(), std::uint64_t{1024});
    }

    void aPlaceGivenBackTwiceIsFreeOnce()
    {
        Arena arena(512);
        const auto place = arena.take(256).value();
        arena.giveBack(place);
        arena.giveBack(place);
        QCOMPARE(arena.largestFree(), std::uint64_t{512});
        QVERIFY(arena.take(512));
    }

    void randomTrafficNeverOverlaps()
    {
        constexpr std::uint64_t kBytes = 1 << 20;
        std::mt19937 random(7);
        Arena arena(kBytes);
        std::map<std::uint64_t, std::uint64_t> taken; // offset to length
        for (int round = 0; round < 20000; ++round) {
            if (taken.empty() || random() % 5 < 3) {
                const std::uint64_t bytes = random() % 20000 + 1;
                const auto place = arena.take(bytes);
                if (!place)
                    continue;
                const auto behind = taken.lower_bound(*place);
                QVERIFY(behind == taken.end() || *place + Arena::aligned(bytes) <= behind->first);
                QVERIFY(behind == taken.begin() || std::prev(behind)->first + std::prev(behind)->second <= *place);
                QVERIFY(*place + bytes <= kBytes);
                taken.emplace(*place, Arena::aligned(bytes));
            } else {
                const auto victim = std::next(taken.begin(), static_cast<long>(random() % taken.size()));
                arena.giveBack(victim->first);
                taken.erase(victim);
            }
            std::uint64_t sum = 0;
            for (const auto& [offset, length] : taken)
                sum += length;
            QCOMPARE(arena.used(), sum);
        }
        for (const auto& [offset, length] : taken)
            arena.giveBack(offset);
        QCOMPARE(arena.largestFree(), kBytes);
    }
};

QTEST_GUILESS_MAIN(TstArena)
#include "tst_arena.moc"
