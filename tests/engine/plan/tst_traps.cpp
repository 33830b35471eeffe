// What people used to find out late, known beforehand: each row makes a situation, reads the message for its numbers,
// and applies every remedy that is offered. Source  design/traps.md

#include "tests/engine/plan/traps.h"

using namespace argus;
using namespace argus::plan;
using namespace argus::plan::testing;

namespace {

const Cluster kTwoByTwo = machines(2, kAda, 2);

bool holds(const Preflight& outcome, const Problem& problem)
{
    const Problem* const still = find(outcome, problem.code, problem.code == "GPU-04" ? "" : problem.node);
    return still != nullptr && still->warning <= problem.warning &&
           (problem.code == "GPU-04" || still->error.setting == problem.error.setting);
}

} // namespace

class TstTraps : public QObject {
    Q_OBJECT
private slots:
    void knownBeforehand_data();
    void knownBeforehand();
    void faultlessMachinesHaveNone();
    void theModelsOwnProblemIsToldWithItsPlace();
    void nothingIsSaidOfMachinesThatAreNotUsed();
    void aFixThatIsNoneIsRefused();

private:
    std::vector<Row> m_rows;
};

void TstTraps::knownBeforehand_data()
{
    for (const auto& rows : {deviceRows(), memoryRows(), machineRows(), networkRows()})
        m_rows.insert(m_rows.end(), rows.begin(), rows.end());
    QTest::addColumn<int>("index");
    for (std::size_t i = 0; i < m_rows.size(); ++i)
        QTest::newRow(m_rows[i].name) << static_cast<int>(i);
}

void TstTraps::knownBeforehand()
{
    QFETCH(int, index);
    const Row& row = m_rows[static_cast<std::size_t>(index)];
    const auto& [model, cluster, settings] = row.situation;
    const Preflight outcome = preflight(model, cluster, settings);
    const std::string all = told(outcome);
    const Problem* const problem = find(outcome, row.code, row.node);
    QVERIFY2(problem != nullptr, all.c_str());
    QVERIFY2(problem->warning == row.warning, all.c_str());
    QVERIFY2(outcome.possible() == row.warning, all.c_str());
    QVERIFY2(!problem->error.remedy.empty(), all.c_str());
    for (const char* word : row.words)
        QVERIFY2(problem->error.text().find(word) != std::string::npos, (std::string(word) + " in\n" + all).c_str());
    for (const char* fix : row.fixes) {
        const auto offered = [&](const Fix& each) { return (each.setting + " " + each.value).starts_with(fix); };
        QVERIFY2(std::any_of(problem->fixes.begin(), problem->fixes.end(), offered),
                 (std::string(fix) + " in\n" + all).c_str());
    }
    for (const Fix& fix : problem->fixes) {
        const auto changed = withFix(settings, fix);
        QVERIFY2(changed.ok(), fix.text.c_str());
        const Preflight after = preflight(model, cluster, *changed);
        QVERIFY2(!holds(after, *problem), (fix.text + " leaves\n" + told(after)).c_str());
    }
}

void TstTraps::faultlessMachinesHaveNone()
{
    const Preflight outcome = preflight(sevenB(), kTwoByTwo, wish(2, 2));
    QVERIFY2(outcome.problems.empty(), told(outcome).c_str());
    QVERIFY(outcome.possible());
}

void TstTraps::theModelsOwnProblemIsToldWithItsPlace()
{
    ModelFacts model = sevenB();
    model.problem = Error{ErrorCode::Corrupt, "model-00007-of-00011.safetensors ends early", "download it again", {}};
    model.problemCode = "MOD-03";
    const Preflight outcome = preflight(model, kTwoByTwo, wish(2, 2));
    const Problem* const problem = find(outcome, "MOD-03", "gpu-a");
    QVERIFY2(problem != nullptr && !problem->warning && !outcome.possible(), told(outcome).c_str());
    QCOMPARE(problem->error.setting, std::string("model"));
    QCOMPARE(outcome.attempt.size(), std::size_t{4}); // the sizes are known nevertheless

    model.problemCode.clear();
    const Preflight stranger = preflight(model, kTwoByTwo, wish(2, 2));
    QVERIFY2(find(stranger, "MOD-05") != nullptr && !stranger.possible(), told(stranger).c_str());
    QVERIFY(stranger.attempt.empty()); // whose config nobody can believe
}

void TstTraps::nothingIsSaidOfMachinesThatAreNotUsed()
{
    Cluster cluster = machines(3, kAda, 2);
    cluster.nodes[1].version = "0.3.9"; // and so the third one is taken
    const Preflight outcome = preflight(sevenB(), cluster, wish(2, 2));
    QVERIFY2(outcome.possible() && outcome.problems.empty(), told(outcome).c_str());
    QCOMPARE(outcome.placement->ranks.back().node, std::size_t{2});
}

void TstTraps::aFixThatIsNoneIsRefused()
{
    QVERIFY(!withFix({}, {.text = "", .setting = "colour", .value = "blue"}).ok());
    QVERIFY(!withFix({}, {.text = "", .setting = "dtype", .value = "int3"}).ok());
    QVERIFY(!withFix({}, {.text = "", .setting = "dtype", .value = "auto", .node = "gpu-b"}).ok());
    const auto changed = withFix(*withFix({}, {.text = "", .setting = "devices", .value = "0", .node = "gpu-b"}),
                                 {.text = "", .setting = "devices", .value = "none", .node = "gpu-b"});
    QVERIFY(changed.ok());
    QCOMPARE(changed->nodes_size(), 1);
    QCOMPARE(changed->nodes(0).devices(), std::string("none"));
}

QTEST_GUILESS_MAIN(TstTraps)
#include "tst_traps.moc"
