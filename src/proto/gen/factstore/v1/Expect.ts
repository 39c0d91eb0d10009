// Original file: proto/factstore/v1/events.proto

export const Expect = {
  EXPECT_UNSPECIFIED: 'EXPECT_UNSPECIFIED',
  EXPECT_ANY: 'EXPECT_ANY',
  EXPECT_NONE: 'EXPECT_NONE',
  EXPECT_EXISTS: 'EXPECT_EXISTS',
  EXPECT_REVISION: 'EXPECT_REVISION',
} as const;

export type Expect =
  | 'EXPECT_UNSPECIFIED'
  | 0
  | 'EXPECT_ANY'
  | 1
  | 'EXPECT_NONE'
  | 2
  | 'EXPECT_EXISTS'
  | 3
  | 'EXPECT_REVISION'
  | 4

export type Expect__Output = typeof Expect[keyof typeof Expect]
