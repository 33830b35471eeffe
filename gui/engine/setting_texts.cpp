#include "gui/engine/setting_texts.h"

#include <QCoreApplication>
#include <QFileInfo>
#include <QLocale>

namespace argus::gui {

namespace {

struct SettingTexts {
    Q_DECLARE_TR_FUNCTIONS(SettingTexts)
};

QString numberOrAutomatic(int number)
{
    return number == 0 ? SettingTexts::tr("automatic", "value of a setting") : QLocale().toString(number);
}

QString wordOrAutomatic(const QString& word)
{
    return word.isEmpty() || word == QLatin1String("auto") ? SettingTexts::tr("automatic", "value of a setting") : word;
}

} // namespace

QString settingLabel(const QString& setting)
{
    const auto is = [&](const char* name) { return setting == QLatin1String(name); };
    if (is("model"))
        return SettingTexts::tr("Model");
    if (is("tensor_parallel_size"))
        return SettingTexts::tr("Tensor parallel");
    if (is("pipeline_parallel_size"))
        return SettingTexts::tr("Pipeline parallel");
    if (is("dtype"))
        return SettingTexts::tr("Precision");
    if (is("gpu_memory_utilization"))
        return SettingTexts::tr("Share of memory");
    if (is("max_model_len"))
        return SettingTexts::tr("Longest context");
    if (is("max_num_seqs"))
        return SettingTexts::tr("Questions at once");
    if (is("enforce_eager"))
        return SettingTexts::tr("Kernel by kernel");
    if (is("stage_layers"))
        return SettingTexts::tr("Layers of each stage");
    if (is("load_format"))
        return SettingTexts::tr("Weights");
    if (is("device"))
        return SettingTexts::tr("Computes on");
    if (is("max_batched_tokens"))
        return SettingTexts::tr("Tokens of a step");
    if (is("nodes"))
        return SettingTexts::tr("Machines");
    if (is("devices"))
        return SettingTexts::tr("Devices");
    if (is("interface"))
        return SettingTexts::tr("Network interface");
    return setting;
}

QString settingHelp(const QString& setting)
{
    const auto is = [&](const char* name) { return setting == QLatin1String(name); };
    if (is("model"))
        return SettingTexts::tr("Folder of the checkpoint; empty for the built-in demo model.");
    if (is("tensor_parallel_size"))
        return SettingTexts::tr("Devices of one machine that share every layer.");
    if (is("pipeline_parallel_size"))
        return SettingTexts::tr("Groups of devices that each hold some of the layers.");
    if (is("dtype"))
        return SettingTexts::tr("Of the computation; automatic takes what the devices compute best with.");
    if (is("gpu_memory_utilization"))
        return SettingTexts::tr("Of a device's memory that Argus may use; on a CPU of what is free at the start.");
    if (is("max_model_len"))
        return SettingTexts::tr("Tokens of question and answer together.");
    if (is("max_num_seqs"))
        return SettingTexts::tr("Answered at the same time; more wait in a queue.");
    if (is("enforce_eager"))
        return SettingTexts::tr("Run every step kernel by kernel instead of replaying recorded ones.");
    if (is("stage_layers"))
        return SettingTexts::tr("Such as 20,16; empty to share them by memory and speed.");
    if (is("load_format"))
        return SettingTexts::tr("Dummy weights are invented, to measure speed without the checkpoint's.");
    if (is("device"))
        return SettingTexts::tr("Automatic takes GPUs where there are any.");
    if (is("max_batched_tokens"))
        return SettingTexts::tr("Longer questions are read in pieces of this size.");
    if (is("devices"))
        return SettingTexts::tr("Devices of this machine that may compute.");
    if (is("interface"))
        return SettingTexts::tr("Over which this machine reaches the others.");
    return {};
}

QString settingValue(const EngineSettings& settings, const QString& setting)
{
    const auto is = [&](const char* name) { return setting == QLatin1String(name); };
    const QLocale locale;
    if (is("model"))
        return settings.model.isEmpty() ? SettingTexts::tr("the demo model") : QFileInfo(settings.model).fileName();
    if (is("tensor_parallel_size"))
        return locale.toString(settings.tensorParallel);
    if (is("pipeline_parallel_size"))
        return locale.toString(settings.pipelineParallel);
    if (is("dtype"))
        return wordOrAutomatic(settings.dtype);
    if (is("gpu_memory_utilization"))
        return locale.toString(settings.memoryShare, 'f', 2);
    if (is("max_model_len"))
        return numberOrAutomatic(settings.maxModelLen);
    if (is("max_num_seqs"))
        return numberOrAutomatic(settings.maxNumSeqs);
    if (is("enforce_eager"))
        return settings.enforceEager ? SettingTexts::tr("on") : SettingTexts::tr("off");
    if (is("stage_layers"))
        return wordOrAutomatic(settings.stageLayers);
    if (is("load_format"))
        return wordOrAutomatic(settings.loadFormat);
    if (is("device"))
        return wordOrAutomatic(settings.device);
    if (is("max_batched_tokens"))
        return numberOrAutomatic(settings.maxBatchedTokens);
    return {};
}

QString fixText(const Fix& fix)
{
    EngineSettings after;
    if (!after.set(fix.setting, fix.value, fix.node))
        return fix.text;
    const QString label = settingLabel(fix.setting);
    if (!fix.node.isEmpty()) {
        const QString value = fix.value.isEmpty() || fix.value == QLatin1String("all")
                                  ? SettingTexts::tr("automatic", "value of a setting")
                              : fix.value == QLatin1String("none") ? SettingTexts::tr("none", "devices")
                                                                   : fix.value;
        //: a button: machine, setting and new value
        return SettingTexts::tr("%1: set “%2” to %3").arg(fix.node, label, value);
    }
    //: a button: setting and new value
    return SettingTexts::tr("Set “%1” to %2").arg(label, settingValue(after, fix.setting));
}

QString fixSetting(const Fix& fix)
{
    const QString line = QStringLiteral("%1 = %2").arg(fix.setting, fix.value);
    return fix.node.isEmpty() ? line : QStringLiteral("%1: %2").arg(fix.node, line);
}

QString problemTitle(const Problem& problem)
{
    const QString& code = problem.code;
    const auto is = [&](const char* name) { return code == QLatin1String(name); };
    if (is("PAR-01"))
        return SettingTexts::tr("Tensor parallel does not fit the model");
    if (is("PAR-03"))
        return SettingTexts::tr("Not enough devices");
    if (is("GPU-02"))
        return SettingTexts::tr("A device cannot compute with this precision");
    if (is("GPU-04"))
        return SettingTexts::tr("Not enough memory");
    if (is("PAR-02"))
        return SettingTexts::tr("Tensor parallel does not fit the quantized weights");
    if (is("PAR-05"))
        return SettingTexts::tr("Layers of the stages");
    if (is("NET-01"))
        return SettingTexts::tr("A machine does not answer");
    if (is("NET-06"))
        return SettingTexts::tr("A slow link");
    if (is("NET-08"))
        return SettingTexts::tr("A public address");
    if (is("DISK-01"))
        return SettingTexts::tr("Not enough space on a disk");
    if (is("GPU-05"))
        return SettingTexts::tr("Another program uses a device");
    if (is("MOD-01"))
        return SettingTexts::tr("The model is not there");
    if (is("MOD-02"))
        return SettingTexts::tr("The model differs between machines");
    if (is("MOD-03"))
        return SettingTexts::tr("The model is incomplete");
    if (is("MOD-05"))
        return SettingTexts::tr("This model cannot be served");
    const QString family = code.section(QLatin1Char('-'), 0, 0);
    const auto of = [&](const char* name) { return family == QLatin1String(name); };
    if (of("PAR"))
        return SettingTexts::tr("How the model is shared");
    if (of("MOD"))
        return SettingTexts::tr("The model's files");
    if (of("NET"))
        return SettingTexts::tr("Network between the machines");
    if (of("VER"))
        return SettingTexts::tr("Versions differ");
    if (of("GPU") || of("CPU") || of("DEV"))
        return SettingTexts::tr("A device");
    if (of("MEM"))
        return SettingTexts::tr("Memory");
    if (of("DISK"))
        return SettingTexts::tr("Space on a disk");
    if (of("SYS"))
        return SettingTexts::tr("A machine's system");
    if (of("SET"))
        return SettingTexts::tr("A setting's value");
    return problem.warning ? SettingTexts::tr("Good to know") : SettingTexts::tr("This stands in the way");
}

} // namespace argus::gui
