// Original file: proto/factstore/v1/projections.proto

export const ErrorPolicy = {
  ERROR_POLICY_UNSPECIFIED: 'ERROR_POLICY_UNSPECIFIED',
  ERROR_POLICY_FAULT: 'ERROR_POLICY_FAULT',
  ERROR_POLICY_PARK: 'ERROR_POLICY_PARK',
} as const;

export type ErrorPolicy =
  | 'ERROR_POLICY_UNSPECIFIED'
  | 0
  | 'ERROR_POLICY_FAULT'
  | 1
  | 'ERROR_POLICY_PARK'
  | 2

export type ErrorPolicy__Output = typeof ErrorPolicy[keyof typeof ErrorPolicy]
