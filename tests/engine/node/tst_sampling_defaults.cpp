// Explicit values win over the checkpoint's, those over the documented defaults; and what fits beside the prompt.

#include "engine/node/sampling_defaults.h"

#include <QtTest>

#include <limits>

using namespace argus;
using namespace argus::node;

class TstSamplingDefaults final : public QObject {
    Q_OBJECT
private slots:
    void withoutAFileTheDocumentedDefaultsHold()
    {
        const auto choice = chooseSampling({}, {}, "ask");
        QVERIFY(choice.ok());
        QCOMPARE(choice->plan.temperature(), 0.1);
        QCOMPARE(choice->plan.top_p(), 0.001);
        QCOMPARE(choice->plan.top_k(), 0U);
        QCOMPARE(choice->plan.repetition_penalty(), 1.05);
        QCOMPARE(choice->maxTokens, 512U);
        QVERIFY(!choice->maxTokensExplicit);
    }

    void theCheckpointComesBeforeTheDefaults()
    {
        model::GenerationConfig file;
        file.doSample = true;
        file.temperature = 1e-6;
        file.topK = 50;
        file.topP = 0.8;
        file.repetitionPenalty = 1.2;
        file.maxNewTokens = 77;
        const auto choice = chooseSampling({}, file, "ask");
        QVERIFY(choice.ok());
        QCOMPARE(choice->plan.temperature(), 1e-6);
        QCOMPARE(choice->plan.top_k(), 50U);
        QCOMPARE(choice->plan.top_p(), 0.8);
        QCOMPARE(choice->plan.repetition_penalty(), 1.2);
        QCOMPARE(choice->maxTokens, 77U);
    }

    void doSampleFalseIsGreedyUnlessATemperatureIsAskedFor()
    {
        model::GenerationConfig file;
        file.doSample = false;
        file.temperature = 0.7;
        QCOMPARE(chooseSampling({}, file, "ask")->plan.temperature(), 0.0);
        wire::Sampling asked;
        asked.set_temperature(0.5);
        QCOMPARE(chooseSampling(asked, file, "ask")->plan.temperature(), 0.5);
    }

    void theSeedFollowsTheAskUnlessOneIsGiven()
    {
        QCOMPARE(chooseSampling({}, {}, "a")->plan.seed(), chooseSampling({}, {}, "a")->plan.seed());
        QVERIFY(chooseSampling({}, {}, "a")->plan.seed() != chooseSampling({}, {}, "b")->plan.seed());
        wire::Sampling asked;
        asked.set_seed(0);
        QCOMPARE(chooseSampling(asked, {}, "a")->plan.seed(), 0ULL);
    }

    void valuesOutsideTheirRangeAreRefusedByName_data()
    {
        QTest::addColumn<QString>("field");
        QTest::addColumn<double>("value");
        QTest::newRow("negative temperature") << "temperature" << -0.1;
        QTest::newRow("temperature is no number") << "temperature" << std::numeric_limits<double>::quiet_NaN();
        QTest::newRow("top_p 0") << "top_p" << 0.0;
        QTest::newRow("top_p above 1") << "top_p" << 1.5;
        QTest::newRow("penalty 0") << "repetition_penalty" << 0.0;
        QTest::newRow("infinite penalty") << "repetition_penalty" << std::numeric_limits<double>::infinity();
        QTest::newRow("max_tokens 0") << "max_tokens" << 0.0;
    }
    void valuesOutsideTheirRangeAreRefusedByName()
    {
        QFETCH(QString, field);
        QFETCH(double, value);
        wire::Sampling asked;
        if (field == "temperature")
            asked.set_temperature(value);
        else if (field == "top_p")
            asked.set_top_p(value);
        else if (field == "repetition_penalty")
            asked.set_repetition_penalty(value);
        else
            asked.set_max_tokens(0);
        const auto choice = chooseSampling(asked, {}, "ask");
        QVERIFY(!choice.ok());
        QCOMPARE(choice.error().code, ErrorCode::BadRequest);
        QVERIFY(QString::fromStdString(choice.error().cause).contains(field));
        QVERIFY(!choice.error().remedy.empty());
    }

    void aDefaultIsClampedToTheContextAndAWishIsNot()
    {
        SamplingChoice choice;
        choice.maxTokens = 512;
        QCOMPARE(answerRoom(choice, 900, 1000).value(), 100U);
        choice.maxTokensExplicit = true;
        const auto refused = answerRoom(choice, 900, 1000);
        QVERIFY(!refused.ok());
        QCOMPARE(refused.error().code, ErrorCode::DoesNotFit);
        QCOMPARE(refused.error().setting, std::string("max_model_len"));
        for (const char* number : {"512", "900", "1000"})
            QVERIFY(QString::fromStdString(refused.error().cause).contains(number));
        QVERIFY(QString::fromStdString(refused.error().remedy).contains("100"));
        choice.maxTokens = 100;
        QCOMPARE(answerRoom(choice, 900, 1000).value(), 100U);
    }

    void aPromptThatFillsTheContextIsRefused()
    {
        QVERIFY(!answerRoom({}, 1000, 1000).ok());
        QCOMPARE(answerRoom({}, 999, 1000).value(), 1U);
    }
};

QTEST_GUILESS_MAIN(TstSamplingDefaults)
#include "tst_sampling_defaults.moc"
