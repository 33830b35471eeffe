#include "tests/system/cable.h"

#include <QProcess>

#include <unistd.h>

#include <utility>

namespace argus::tests {

int call(const QString& line)
{
    QProcess process;
    process.startCommand(line);
    if (!process.waitForFinished(20'000) || process.exitStatus() != QProcess::NormalExit)
        return -1;
    return process.exitCode();
}

Cable::Cable()
    : one(QString("argus-%1-a").arg(::getpid())), two(QString("argus-%1-b").arg(::getpid())),
      endOfOne(QString("av%1a").arg(::getpid() % 100'000)), endOfTwo(QString("av%1b").arg(::getpid() % 100'000))
{
}

Cable::~Cable()
{
    remove();
}

QString Cable::lay()
{
    if (::geteuid() != 0)
        return "only root can make network namespaces";
    m_laid = true;
    bool ok = true;
    for (const QString& space : {one, two})
        ok = ok && call("ip netns add " + space) == 0;
    ok =
        ok &&
        call(QString("ip link add %1 netns %2 type veth peer name %3 netns %4").arg(endOfOne, one, endOfTwo, two)) == 0;
    int host = 1;
    for (const auto& [space, end] : {std::pair(one, endOfOne), std::pair(two, endOfTwo)}) {
        ok = ok && call(QString("ip -n %1 addr add 10.77.0.%2/24 dev %3").arg(space).arg(host++).arg(end)) == 0;
        ok = ok && call(QString("ip -n %1 link set %2 up").arg(space, end)) == 0;
        ok = ok && call(QString("ip -n %1 link set lo up").arg(space)) == 0;
    }
    if (ok)
        return {};
    remove();
    return "this kernel or this container does not allow network namespaces with a veth pair";
}

void Cable::remove()
{
    if (!std::exchange(m_laid, false))
        return;
    for (const QString& space : {one, two})
        (void)call("ip netns del " + space);
}

} // namespace argus::tests
