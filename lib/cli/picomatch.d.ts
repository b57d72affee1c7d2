/** The part of picomatch that Keelson uses; the package has no type declarations. */
declare module 'picomatch' {
  /** @returns Whether a name fits the glob pattern. */
  export default function picomatch(
    pattern: string,
    options?: { bash?: boolean; dot?: boolean; nonegate?: boolean; noextglob?: boolean },
  ): (name: string) => boolean
}
