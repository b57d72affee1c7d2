/**
 * Hetzner Cloud server types: virtual CPUs, memory in GiB, local disk in GB.
 * From the provider's public list; both generations of types, for servers that still run on the older one.
 */
const SERVERS = {
  CX23: [2, 4, 40],
  CX33: [4, 8, 80],
  CX43: [8, 16, 160],
  CX53: [16, 32, 320],
  CX22: [2, 4, 40],
  CX32: [4, 8, 80],
  CX42: [8, 16, 160],
  CX52: [16, 32, 320],
  CPX11: [2, 2, 40],
  CPX21: [3, 4, 80],
  CPX31: [4, 8, 160],
  CPX41: [8, 16, 240],
  CPX51: [16, 32, 360],
  CAX11: [2, 4, 40],
  CAX21: [4, 8, 80],
  CAX31: [8, 16, 160],
  CAX41: [16, 32, 320],
  CCX12: [2, 8, 80],
  CCX22: [4, 16, 160],
  CCX32: [8, 32, 240],
  CCX42: [16, 64, 360],
  CCX52: [16, 64, 360],
  CCX62: [48, 192, 960],
  CCX13: [2, 8, 80],
  CCX23: [4, 16, 160],
  CCX33: [8, 32, 240],
  CCX43: [16, 64, 360],
  CCX53: [32, 128, 600],
  CCX63: [48, 192, 960],
} as const

export type ServerName = keyof typeof SERVERS
export type Server = { name: ServerName; cpus: number; memoryMiB: number; diskGB: number }

export const SERVER_NAMES = Object.keys(SERVERS)

export function serverNamed(name: ServerName): Server {
  const [cpus, memoryGiB, diskGB] = SERVERS[name]
  return { name, cpus, memoryMiB: memoryGiB * 1024, diskGB }
}
