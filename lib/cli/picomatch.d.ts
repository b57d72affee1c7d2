/** The part of picomatch that is used here; the package brings no types. */
declare module 'picomatch' {
  /** @returns Whether a name fits the glob pattern. */
  export default function picomatch(pattern: string): (name: string) => boolean
}
