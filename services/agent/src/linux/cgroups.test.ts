import { describe, expect, it } from 'vitest'
import { parseCgroup } from './cgroups.ts'
import { kubernetesName } from './container-names.ts'

const ID = '3f4b'.repeat(16)

describe('/proc/<pid>/cgroup', () => {
  it.each([
    ['0::/system.slice/nginx.service', 'nginx'],
    ['0::/system.slice/system-postgresql.slice/postgresql@15-main.service', 'postgresql@15-main'],
    ['0::/system.slice/system-getty.slice/getty@tty1.service', 'getty@tty1'],
    ['0::/system.slice/system-sshd.slice/sshd@12-10.0.0.1:22-10.0.0.2:5555.service', 'sshd'],
    ['0::/system.slice/nginx.service/workers', 'nginx'],
    ['0::/system.slice/my\\x2dapp.service', 'my-app'],
    ['0::/user.slice/user-1000.slice/user@1000.service/app.slice/syncthing.service', 'syncthing'],
    ['0::/user.slice/user-1000.slice/user@1000.service/init.scope', ''],
    ['0::/user.slice/user-1000.slice/user@1000.service/app.slice/app-org.gnome.Terminal-4711.scope', ''],
    ['0::/user.slice/user-0.slice/session-3.scope', ''],
    ['0::/system.slice/run-u123.service', ''],
    ['0::/system.slice/run-rdeadbeef0123.service', ''],
    ['0::/init.scope', ''],
    ['0::/', ''],
    ['', ''],
    ['garbage', ''],
    ['9:cpu:/x\n1:name=systemd:/system.slice/cron.service\n0::/', 'cron'],
    ['4:memory:/process_api/7a7d15ba\n0::/', ''],
  ])('%s is unit %s', (text, unit) => {
    expect(parseCgroup(text)).toEqual({ unit, containerId: '', containerName: '' })
  })

  it.each([
    `0::/system.slice/docker-${ID}.scope`,
    `0::/docker/${ID}`,
    `0::/machine.slice/libpod-${ID}.scope/container`,
    `0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod0a.slice/cri-containerd-${ID}.scope`,
    `0::/kubepods/burstable/pod0a/${ID}`,
    `0::/system.slice/containerd.service/kubepods-burstable-pod0a.slice:cri-containerd:${ID}`,
    `12:pids:/docker/${ID}\n1:name=systemd:/docker/${ID}`,
  ])('finds the container of %s', (text) => {
    expect(parseCgroup(text)).toEqual({ unit: '', containerId: ID, containerName: '' })
  })

  it.each([
    ['0::/lxc/web-1', 'web-1'],
    ['0::/lxc.payload.web-1/system.slice/nginx.service', 'web-1'],
    ['0::/machine.slice/systemd-nspawn@build\\x2dbox.service/payload', 'build-box'],
  ])('%s names container %s itself', (text, containerName) => {
    expect(parseCgroup(text)).toEqual({ unit: '', containerId: '', containerName })
  })
})

describe('name of a container of Kubernetes', () => {
  it.each([
    ['payments-api-7d9c5b6f4d-x2x5z_shop_app', 'payments-api/app'],
    ['kube-proxy-h4kzb_kube-system_kube-proxy', 'kube-proxy'],
    ['kube-proxy_kube-system_kube-proxy', 'kube-proxy'],
    ['postgres-0_data_postgres', 'postgres'],
    ['backup-28391040-bcdfg_ops_run', 'backup/run'],
  ])('%s is %s', (link, name) => {
    expect(kubernetesName(link)).toBe(name)
  })
})
